import type { Generator } from './generator.ts';

// Counts of events, drawn as PyTorch's CPU generator draws them. The formulas for large means are those of Hörmann's transformed rejection.

/** What Stirling's formula leaves out: log k! - (k + ½)·log(k + 1) + (k + 1) - ½·log 2π. */
function stirlingRest(k: number): number {
  if (k < 10) {
    let logFactorial = 0;
    for (let i = 2; i <= k; i++) logFactorial += Math.log(i);
    return logFactorial - (k + 0.5) * Math.log(k + 1) + (k + 1) - 0.5 * Math.log(2 * Math.PI);
  }
  const z = k + 1;
  const square = z * z;
  return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / z;
}

const logFactorial = (k: number): number => stirlingRest(k) + (k + 0.5) * Math.log(k + 1) - (k + 1) + 0.5 * Math.log(2 * Math.PI);

/** The number of events of a Poisson process with `rate` events on average. @see Hörmann 1993, algorithm PTRS */
export function poissonValue(rate: number, generator: Generator): number {
  if (rate === 0) return 0;
  if (rate < 10) {
    const least = Math.exp(-rate);
    let count = 0;
    for (let product = generator.uniform53(); product > least; product *= generator.uniform53()) count++;
    return count;
  }
  const b = 0.931 + 2.53 * Math.sqrt(rate);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  const inner = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = generator.uniform53() - 0.5;
    const v = generator.uniform53();
    const edge = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / edge + b) * u + rate + 0.43);
    if (edge >= 0.07 && v <= inner) return k;
    if (k < 0 || (edge < 0.013 && v > edge)) continue;
    const height = Math.log(v) + Math.log(inverseAlpha) - Math.log(a / (edge * edge) + b);
    if (height <= -rate + k * Math.log(rate) - logFactorial(k)) return k;
  }
}

/** The number of successes in `count` trials of probability `p`. */
export function binomialValue(count: number, p: number, generator: Generator): number {
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  if (p > 0.5) return count - binomialValue(count, 1 - p, generator);
  return count * p >= 10 ? manySuccesses(count, p, generator) : fewSuccesses(count, p, generator);
}

/** Adds up the trials from each success to the next, until there are more than there can be. */
function fewSuccesses(count: number, p: number, generator: Generator): number {
  const logFailure = Math.log1p(-p);
  for (let trials = 0, successes = 0; ; successes++) {
    trials += Math.ceil(Math.log(generator.uniform53()) / logFailure);
    if (trials > count) return successes;
  }
}

/** @see Hörmann 1993, algorithm BTRS */
function manySuccesses(count: number, p: number, generator: Generator): number {
  const deviation = Math.sqrt(count * p * (1 - p));
  const b = 1.15 + 2.53 * deviation;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const center = count * p + 0.5;
  const inner = 0.92 - 4.2 / b;
  const odds = p / (1 - p);
  const alpha = (2.83 + 5.1 / b) * deviation;
  const m = Math.floor((count + 1) * p);
  for (;;) {
    const u = generator.uniform53() - 0.5;
    const v = generator.uniform53();
    const edge = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / edge + b) * u + center);
    if (edge >= 0.07 && v <= inner) return k;
    if (k < 0 || k > count) continue;
    const most =
      (m + 0.5) * Math.log((m + 1) / (odds * (count - m + 1))) +
      (count + 1) * Math.log((count - m + 1) / (count - k + 1)) +
      (k + 0.5) * Math.log((odds * (count - k + 1)) / (k + 1)) +
      stirlingRest(m) +
      stirlingRest(count - m) -
      stirlingRest(k) -
      stirlingRest(count - k);
    if (Math.log((v * alpha) / (a / (edge * edge) + b)) <= most) return k;
  }
}
