import { ArgumentError, describe, deviceOf, fromBytes, readOptions, type Device, type Tensor } from '@flambeau/core';
import { asPicture } from '../transforms/picture.ts';
import { DatasetFileError } from './idx.ts';

interface Pixels {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** No image that a program trains on is larger than this many pixels; a file that claims more is refused before it is decoded. */
const mostPixels = 100_000_000;

async function decodeInNode(source: string | Uint8Array, name: string): Promise<Pixels> {
  const { default: sharp } = await import('sharp').catch((error: unknown) => {
    throw new DatasetFileError(name, 'the package sharp, which decodes images', String((error as Error).message), 'Run: npm install sharp');
  });
  try {
    const { data, info } = await sharp(source, { limitInputPixels: mostPixels }).toColorspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true }); // prettier-ignore
    if (info.channels === 3) return { data, height: info.height, width: info.width };
    // A gray image has one channel: repeat it.
    return {
      data: Uint8Array.from({ length: info.width * info.height * 3 }, (_, i) => data[Math.floor(i / 3) * info.channels]),
      height: info.height,
      width: info.width,
    };
  } catch (error) {
    throw new DatasetFileError(name, 'an image', (error as Error).message, 'Delete it, or leave it out with { isValidFile }.');
  }
}

async function decodeInBrowser(bytes: Uint8Array, name: string): Promise<Pixels> {
  const bitmap = await createImageBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>])).catch((error: unknown) => {
    throw new DatasetFileError(name, 'an image', String((error as Error).message));
  });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d');
  if (context === null) throw new DatasetFileError(name, 'a canvas to decode with', 'none');
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  return { data: Uint8Array.from({ length: width * height * 3 }, (_, i) => rgba[Math.floor(i / 3) * 4 + (i % 3)]), height, width };
}

/** The bytes of a Blob, or of what an address answers. */
async function fetchBytes(source: string | Blob, name: string): Promise<Uint8Array> {
  if (typeof source !== 'string') return new Uint8Array(await source.arrayBuffer());
  const response = await fetch(source).catch((error: unknown) => {
    throw new DatasetFileError(name, 'an address that answers', String(error));
  });
  if (!response.ok) throw new DatasetFileError(name, 'an address that answers with an image', `status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * Decodes an image (JPEG, PNG, WebP, ...): through sharp in Node, by the browser elsewhere.
 * @param source - a path (Node), an address, a Blob or File, or the bytes of a file
 * @returns a uint8 picture [H, W, 3]: red, green and blue
 * @throws DatasetFileError when it is no image, or sharp is not installed
 */
export async function readImage(source: string | Uint8Array | Blob, options: { device?: Device } = {}): Promise<Tensor> {
  const op = 'readImage';
  const { device } = readOptions<{ device?: Device }>(op, options, ['device']);
  if (typeof source !== 'string' && !(source instanceof Uint8Array) && !(source instanceof Blob))
    throw new ArgumentError({ op, expected: 'a path, an address, a Blob or bytes', received: describe(source) });
  const name = typeof source === 'string' ? source : source instanceof Blob && 'name' in source ? String(source.name) : 'image';
  const inNode = typeof process === 'object' && typeof process.versions?.node === 'string';
  const isFile = inNode && typeof source === 'string' && !/^(https?|data|blob):/.test(source);
  const file = isFile || source instanceof Uint8Array ? source : await fetchBytes(source, name);
  const { data, height, width } = inNode ? await decodeInNode(file, name) : await decodeInBrowser(file as Uint8Array, name);
  return asPicture(fromBytes(data, [height, width, 3], 'uint8', deviceOf(op, { device }), op));
}
