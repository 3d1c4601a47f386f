/**
 * Philox 4x32 with 10 rounds: four random words that depend on nothing but a counter and a key, so that each element can be made by itself.
 * Element i of a fill takes word i % 4 of counter floor(i / 4).
 * @see Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3
 */
export function philox(counter: number, key: readonly [number, number]): [number, number, number, number] {
  let [c0, c1, c2, c3] = [counter >>> 0, Math.floor(counter / 2 ** 32) >>> 0, 0, 0];
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high1, low1] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The high and low 32 bits of a product. */
function multiply(a: number, b: number): [number, number] {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff];
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const cross = aLow * bHigh + (middle & 0xffff);
  return [(aHigh * bHigh + Math.floor(middle / 65536) + (cross >>> 16)) >>> 0, Math.imul(a, b) >>> 0];
}

/** A uniform float32 in [0, 1) from 32 bits: the low 24 over 2^24. */
export const uniformFromBits = (bits: number): number => (bits & 0xffffff) / 2 ** 24;

/** Two normal numbers from two words, by Box and Muller. */
export function normalsFromBits(a: number, b: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(1 - uniformFromBits(a)));
  const angle = 2 * Math.PI * uniformFromBits(b);
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}
