import { normalValues, uniformValues, type DType, type Generator } from '@flambeau/core';

interface TruncatedNormal {
  readonly mean: number;
  readonly std: number;
  readonly a: number;
  readonly b: number;
}

/**
 * Normal numbers in [a, b], in the order of draws of PyTorch 2.13. Where a good part of the distribution lies in between, whole rounds of
 * normal numbers are drawn until none is left outside; elsewhere uniform candidates are accepted with the probability of the density.
 */
export function truncatedNormalValues(count: number, dtype: DType, generator: Generator, distribution: TruncatedNormal): Float64Array {
  const { mean, std, a, b } = distribution;
  const inside = cumulative((b - mean) / std) - cumulative((a - mean) / std);
  return inside > 0.3 ? byRedrawing(count, dtype, generator, distribution) : byRejection(count, dtype, generator, distribution);
}

function byRedrawing(count: number, dtype: DType, generator: Generator, { mean, std, a, b }: TruncatedNormal): Float64Array {
  const round = dtype === 'float64' ? (v: number): number => v : Math.fround;
  const [low, high] = [round(a), round(b)];
  const outside = (v: number): boolean => v < low || v > high;
  const values = normalValues(count, dtype, generator, mean, std);
  while (values.some(outside)) {
    const again = normalValues(count, dtype, generator, mean, std);
    for (let i = 0; i < count; i++) if (outside(values[i])) values[i] = again[i];
  }
  return values;
}

function byRejection(count: number, dtype: DType, generator: Generator, { mean, std, a, b }: TruncatedNormal): Float64Array {
  const peak = -0.5 * ((Math.max(a, Math.min(mean, b)) - mean) / std) ** 2;
  const refused = (candidate: number, chance: number): boolean => Math.log(chance) > -0.5 * ((candidate - mean) / std) ** 2 - peak;
  const values = uniformValues(count, dtype, generator, a, b);
  const chances = uniformValues(count, dtype, generator);
  const pending = Array.from(values, (value, i) => refused(value, chances[i]));
  while (pending.includes(true)) {
    const candidates = uniformValues(count, dtype, generator, a, b);
    const again = uniformValues(count, dtype, generator);
    for (let i = 0; i < count; i++) {
      if (!pending[i]) continue;
      values[i] = candidates[i];
      pending[i] = refused(candidates[i], again[i]);
    }
  }
  return values;
}

/** Φ(x), by the series of erf; 0 or 1 where the rest is below 1e-9. */
function cumulative(x: number): number {
  if (Math.abs(x) > 6) return x < 0 ? 0 : 1;
  // Φ(x) = 1/2 + φ(x)·(x + x³/3 + x⁵/(3·5) + ...)
  let [term, sum] = [x, x];
  for (let n = 3; Math.abs(term) > 1e-16 * Math.abs(sum); n += 2) sum += term *= (x * x) / n;
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
