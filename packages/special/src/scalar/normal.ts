// The error function's relatives, of one number, in float64.

/** e^(x²)·erfc(x): a series below 2, a continued fraction above. @see Abramowitz & Stegun 7.1.6, 7.1.14 */
export function erfcx(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x < 0) return x < -26.7 ? Infinity : 2 * Math.exp(x * x) - erfcx(-x);
  if (x > 1e8) return 1 / (Math.sqrt(Math.PI) * x);
  if (x < 2) {
    let [term, sum] = [x, x];
    for (let k = 1; k < 100 && term > sum * 1e-18; k++) {
      term *= (2 * x * x) / (2 * k + 1);
      sum += term;
    }
    return Math.exp(x * x) - (2 / Math.sqrt(Math.PI)) * sum;
  }
  // x + (1/2)/(x + 1/(x + (3/2)/(x + ...))), from the inside out
  let fraction = x;
  for (let k = Math.ceil(20 + 400 / x); k >= 1; k--) fraction = x + k / 2 / fraction;
  return 1 / (Math.sqrt(Math.PI) * fraction);
}

/** The logarithm of the normal distribution function. */
export function logNdtr(x: number): number {
  if (x < -1) return Math.log(erfcx(-x * Math.SQRT1_2) / 2) - (x * x) / 2;
  const upper = 0.5 * erfcx(x * Math.SQRT1_2) * Math.exp((-x * x) / 2);
  return x === Infinity ? 0 : Math.log1p(-upper);
}

/** The inverse of the normal distribution function: Newton's steps on its logarithm, which is concave; ±Infinity at 1 and 0, NaN outside. */
export function ndtri(p: number): number {
  if (!(p >= 0 && p <= 1)) return NaN;
  if (p === 0 || p === 1) return p === 0 ? -Infinity : Infinity;
  if (p > 0.5) return -ndtri(1 - p);
  const target = Math.log(p);
  let x = p > 0.05 ? 0 : -Math.sqrt(-2 * target);
  for (let i = 0; i < 60; i++) {
    // (log Φ)' = φ / Φ = √(2/π) / erfcx(-x/√2)
    const step = ((logNdtr(x) - target) * erfcx(-x * Math.SQRT1_2)) / Math.sqrt(2 / Math.PI);
    x -= step;
    if (Math.abs(step) <= 4e-16 * Math.max(1, Math.abs(x))) break;
  }
  return x;
}
