import { bytesOf, isFloat, type DType } from '../dtype.ts';
import type { Generator } from './generator.ts';

// PyTorch's CPU streams: how many draws an element takes, and in what precision it is made.

const fround = Math.fround;

/** Uniform numbers in [from, to): one draw of 24 bits an element, two of 53 for float64. */
export function uniformValues(count: number, dtype: DType, generator: Generator, from = 0, to = 1): Float64Array {
  const out = new Float64Array(count);
  if (dtype === 'float64') for (let i = 0; i < count; i++) out[i] = generator.uniform53() * (to - from) + from;
  else {
    const [low, range] = [fround(from), fround(fround(to) - fround(from))];
    for (let i = 0; i < count; i++) out[i] = fround(fround(generator.uniform24() * range) + low);
  }
  return out;
}

/** Standard normal numbers times std plus mean: pairs of doubles for fewer than 16, blocks of 16 by Box and Muller from there. */
export function normalValues(count: number, dtype: DType, generator: Generator, mean = 0, std = 1): Float64Array {
  const out = new Float64Array(count);
  if (count < 16 || !isFloat(dtype)) {
    for (let i = 0; i < count; i++) out[i] = generator.normal() * std + mean;
    return out;
  }
  const double = dtype === 'float64';
  const draw = (): number => (double ? generator.uniform53() : generator.uniform24());
  for (let i = 0; i < count; i++) out[i] = draw();
  for (let i = 0; i + 16 <= count; i += 16) boxMuller(out, i, mean, std, double);
  if (count % 16 !== 0) {
    for (let i = count - 16; i < count; i++) out[i] = draw();
    boxMuller(out, count - 16, mean, std, double);
  }
  return out;
}

function boxMuller(out: Float64Array, start: number, mean: number, std: number, double: boolean): void {
  const round = double ? (v: number): number => v : fround;
  for (let j = start; j < start + 8; j++) {
    const u1 = round(1 - out[j]);
    const radius = round(Math.sqrt(round(-2 * round(Math.log(u1)))));
    const angle = round(round(2 * Math.PI) * out[j + 8]);
    out[j] = round(round(round(radius * round(Math.cos(angle))) * std) + mean);
    out[j + 8] = round(round(round(radius * round(Math.sin(angle))) * std) + mean);
  }
}

/** Integers in [low, high). */
export function integerValues(count: number, generator: Generator, low: number, high: number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = generator.below(high - low) + low;
  return out;
}

/** A random order of 0 to n - 1, by Fisher and Yates. */
export function permutationValues(n: number, generator: Generator): Int32Array {
  const out = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < n - 1; i++) {
    const j = i + (generator.draw32() % (n - i));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}

/** 1 with probability p, else 0: 53 bits an element. */
export function bernoulliValues(count: number, generator: Generator, p: number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = generator.uniform53() < p ? 1 : 0;
  return out;
}

/** Exponential numbers of a rate: -log(1 - u) / λ. */
export function exponentialValues(count: number, generator: Generator, lambd: number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = -Math.log1p(-generator.uniform53()) / lambd;
  return out;
}

/**
 * Indices drawn by weight. With replacement: one uniform double each, looked up in the cumulated weights; without: the largest of
 * weight / exponential, as PyTorch draws them.
 */
export function multinomialValues(weights: ArrayLike<number>, count: number, replacement: boolean, generator: Generator): Int32Array {
  const n = weights.length;
  // A single index needs no replacement, and PyTorch draws it in the same way.
  if (!replacement || count === 1) {
    const keys = exponentialValues(n, generator, 1).map((e, i) => weights[i] / e);
    const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => keys[j] - keys[i]); // prettier-ignore
    return Int32Array.from(order.slice(0, count));
  }
  const cumulated = new Float64Array(n);
  let total = 0;
  for (let i = 0; i < n; i++) cumulated[i] = total += weights[i];
  for (let i = 0; i < n; i++) cumulated[i] /= total;
  cumulated[n - 1] = 1;
  const out = new Int32Array(count);
  for (let k = 0; k < count; k++) {
    const sample = generator.uniform53();
    let [low, high] = [0, n];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulated[middle] < sample) low = middle + 1;
      else high = middle;
    }
    out[k] = low;
  }
  return out;
}

/** The bits that a full random integer of a dtype has: its mantissa for floats, all but a sign for integers. */
export const randomRange = (dtype: DType): number =>
  dtype === 'float32'
    ? 2 ** 24 + 1
    : dtype === 'float64'
      ? 2 ** 53 + 1
      : dtype === 'bool'
        ? 2
        : dtype === 'uint8' || dtype === 'uint32'
          ? 2 ** (8 * bytesOf(dtype))
          : 2 ** (8 * bytesOf(dtype) - 1);
