import { setDefaultDevice, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { DataLoader } from '@flambeau/data';
import { ImageFolder, MNIST, readImage, transforms } from '@flambeau/vision';

// What the test calls in the page.
setDefaultDevice(reference);

/** The pixels of an image, from bytes, a File, or an address. */
export async function pixels(source: number[] | string, asFile = false): Promise<unknown> {
  if (typeof source === 'string') return (await readImage(source)).toArray();
  const bytes = Uint8Array.from(source);
  return (await readImage(asFile ? new File([bytes], 'picture.png') : bytes)).toArray();
}

/** A pass over a folder of addresses with a transform: the images' shapes, first values and classes. */
export async function folder(files: Record<string, string[]>, numWorkers: number): Promise<unknown[]> {
  const images = ImageFolder.fromFiles(files, {
    transform: new transforms.Compose([new transforms.Resize([4, 4]), new transforms.ToTensor()]),
  });
  const out: unknown[] = [images.classes];
  const workerInit = { module: new URL('device.js', document.baseURI).href, name: 'useReference' };
  const loader = new DataLoader(images, { batchSize: 2, numWorkers, workerInit });
  for await (const [x, y] of loader as AsyncIterable<[Tensor, Tensor]>)
    out.push([x.shape, await x.select(0, 0).toArray(), await y.toArray()]);
  return out;
}

/** The length of MNIST on a server, and its first label. */
export async function mnist(address: string): Promise<number[]> {
  const data = await MNIST.load(address, { train: false });
  return [data.length, data.get(0)[1]];
}
