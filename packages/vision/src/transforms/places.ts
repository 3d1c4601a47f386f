import { fromBytes, type Tensor } from '@flambeau/core';

// What crops and mirrors do to an image is separable: every row and every column of the result comes from one of the image, or is padding.
// So that several of them take one pass over the bytes of a batch.

/** Where the rows and columns of a result come from; -1 is padding. */
export interface Places {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/** An image as it is. */
export const allPlaces = (height: number, width: number): Places => ({
  rows: Int32Array.from({ length: height }, (_, i) => i),
  columns: Int32Array.from({ length: width }, (_, i) => i),
});

/** `count` places from `start`, which may lie before the first or reach behind the last. */
export function cutPlaces(places: Int32Array, start: number, count: number): Int32Array {
  const out = new Int32Array(count).fill(-1);
  const from = Math.max(0, start);
  out.set(places.subarray(from, Math.max(from, Math.min(places.length, start + count))), Math.max(0, -start));
  return out;
}

/** True for bytes on a device that is read without waiting. */
export const canRearrange = (images: Tensor): boolean =>
  images.dtype === 'uint8' && images.ndim === 4 && images.device.downloadSync !== undefined;

/** Images [N, C, H, W] of bytes with their rows and columns in other places; padding is `fill`. All results have one size. */
export function rearrange(images: Tensor, places: readonly Places[], fill: number): Tensor {
  const [count, channels, height, width] = images.shape;
  const [newHeight, newWidth] = [places[0].rows.length, places[0].columns.length];
  const pixels = images.dataSync() as Uint8Array;
  const out = new Uint8Array(count * channels * newHeight * newWidth);
  if (fill !== 0) out.fill(fill);
  let row = 0;
  for (let n = 0; n < count; n++) {
    const { rows, columns } = places[n];
    // The places that are no padding follow each other, forwards or mirrored.
    const inside = columns.findIndex((column) => column >= 0);
    const end = columns.findLastIndex((column) => column >= 0) + 1;
    const step = end - inside > 1 && columns[inside + 1] < columns[inside] ? -1 : 1;
    for (let c = 0; c < channels; c++) {
      const plane = (n * channels + c) * height;
      for (let i = 0; i < newHeight; i++, row++) {
        if (rows[i] < 0 || inside < 0) continue;
        let from = (plane + rows[i]) * width + columns[inside];
        for (let to = row * newWidth + inside, last = row * newWidth + end; to < last; to++, from += step) out[to] = pixels[from];
      }
    }
  }
  return fromBytes(out, [count, channels, newHeight, newWidth], 'uint8', images.device, 'transforms');
}
