/** Blocks begin at multiples of this, a cache line. */
export const alignment = 64;
const smallest = 4096;
/** The class of 4 KB, the largest whose blocks are carved from slabs. */
export const largestSmallClass = smallest / alignment;

/**
 * The size class of a request: multiples of 64 bytes up to 4 KB, from there eight steps for each doubling, so that a pooled block fits every
 * request of its class and at most an eighth is wasted.
 */
export function sizeClass(byteLength: number): number {
  if (byteLength <= smallest) return byteLength <= alignment ? 1 : (byteLength + alignment - 1) >>> 6;
  const exponent = Math.floor(Math.log2(byteLength - 1));
  const step = 2 ** (exponent - 3);
  return (exponent - 12) * 8 + Math.ceil(byteLength / step) - 8 + largestSmallClass;
}

/** The bytes that a block of a class holds. */
export function classBytes(index: number): number {
  if (index <= largestSmallClass) return index * alignment;
  const steps = index - largestSmallClass;
  const exponent = 12 + Math.floor((steps - 1) / 8);
  return (((steps - 1) % 8) + 9) * 2 ** (exponent - 3);
}
