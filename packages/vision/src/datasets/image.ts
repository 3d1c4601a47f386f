import { fromBytes, getDefaultDevice, type Device, type Tensor } from '@flambeau/core';
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

/**
 * Decodes an image (JPEG, PNG, WebP, ...): through sharp in Node, by the browser elsewhere.
 * @param source - a path (Node) or the bytes of a file
 * @returns uint8 pixels [H, W, 3], red, green and blue
 * @throws DatasetFileError when it is no image, or sharp is not installed
 */
export async function readImage(source: string | Uint8Array, options: { device?: Device } = {}): Promise<Tensor> {
  const name = typeof source === 'string' ? source : 'image';
  const inNode = typeof process === 'object' && typeof process.versions?.node === 'string';
  if (!inNode && typeof source === 'string') throw new DatasetFileError(name, 'the bytes of an image in a browser', 'a path');
  const { data, height, width } = inNode ? await decodeInNode(source, name) : await decodeInBrowser(source as Uint8Array, name);
  return fromBytes(data, [height, width, 3], 'uint8', options.device ?? getDefaultDevice(), 'readImage');
}
