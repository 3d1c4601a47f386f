// Bessel functions of one number, in float64.

const gamma = 0.5772156649015329;

/** J0, J1, ... of x, up to where they vanish: by Miller's downward recurrence, scaled by J0 + 2·ΣJ2k = 1. For x below 30. */
function besselJs(x: number): number[] {
  const top = 2 * Math.ceil((x + 40 + 6 * Math.cbrt(x)) / 2);
  const values = new Array<number>(top + 1).fill(0);
  let [next, current, sum] = [0, 1e-300, 0];
  for (let k = top; k >= 0; k--) {
    values[k] = current;
    if (k % 2 === 0) sum += k === 0 ? current : 2 * current;
    [next, current] = [current, k === 0 ? 0 : ((2 * k) / x) * current - next];
    if (Math.abs(current) > 1e200) {
      for (let j = k; j <= top; j++) values[j] *= 1e-200;
      [next, current, sum] = [next * 1e-200, current * 1e-200, sum * 1e-200];
    }
  }
  return values.map((value) => value / sum);
}

/** √(2/πx)·(P·cos χ ∓ Q·sin χ), χ = x - (2ν + 1)·π/4: Hankel's expansion, for x above 25. */
function hankel(order: 0 | 1, x: number, second: boolean): number {
  const mu = 4 * order * order;
  let [p, q, term] = [1, 0, 1];
  for (let k = 1; k < 40; k++) {
    const following = (term * (mu - (2 * k - 1) ** 2)) / (k * 8 * x);
    if (Math.abs(following) > Math.abs(term) || following === 0) break;
    term = following;
    const sign = k % 4 < 2 ? 1 : -1;
    if (k % 2 === 1) q += sign * term;
    else p += (k % 4 === 0 ? 1 : -1) * term;
  }
  const chi = x - ((2 * order + 1) * Math.PI) / 4;
  const [c, s] = [Math.cos(chi), Math.sin(chi)];
  return Math.sqrt(2 / (Math.PI * x)) * (second ? p * s + q * c : p * c - q * s);
}

/** The Bessel function of the first kind of order 0 or 1. */
export function besselJ(order: 0 | 1, x: number): number {
  if (Number.isNaN(x)) return NaN;
  const size = Math.abs(x);
  if (size === Infinity) return 0;
  if (size === 0) return order === 0 ? 1 : 0;
  const value = size > 25 ? hankel(order, size, false) : besselJs(size)[order];
  return order === 1 && x < 0 ? -value : value;
}

/** The Bessel function of the second kind of order 0 or 1; -Infinity at 0, NaN below. @see Abramowitz & Stegun 9.1.88 */
export function besselY(order: 0 | 1, x: number): number {
  if (Number.isNaN(x) || x < 0) return NaN;
  if (x === 0) return -Infinity;
  if (x === Infinity) return 0;
  if (x > 25) return hankel(order, x, true);
  const J = besselJs(x);
  let series = 0;
  for (let k = 1; order + 2 * k < J.length; k++) {
    series += ((k % 2 === 0 ? 1 : -1) * (order + 2 * k) * J[order + 2 * k]) / (k * (order + k));
  }
  const digamma = order === 0 ? -gamma : 1 - gamma;
  const regular = (Math.log(x / 2) - digamma) * J[order] - series;
  return (2 / Math.PI) * (order === 0 ? regular : regular - J[0] / x);
}

/** e^(-|x|)·I(x), the modified function of the first kind of order 0 or 1. */
export function scaledBesselI(order: 0 | 1, x: number): number {
  const size = Math.abs(x);
  let value: number;
  if (size <= 30) {
    const quarter = (size * size) / 4;
    let [term, sum] = [order === 0 ? 1 : size / 2, 0];
    for (let k = 1; k < 400 && term > sum * 1e-18; k++) {
      sum += term;
      term *= quarter / (k * (k + order));
    }
    value = sum * Math.exp(-size);
  } else {
    const mu = 4 * order * order;
    let [term, sum] = [1, 1];
    for (let k = 1; k < 60; k++) {
      const following = (-term * (mu - (2 * k - 1) ** 2)) / (k * 8 * size);
      if (Math.abs(following) > Math.abs(term) || Math.abs(following) < 1e-18) break;
      term = following;
      sum += term;
    }
    value = sum / Math.sqrt(2 * Math.PI * size);
  }
  return order === 1 && x < 0 ? -value : value;
}

/** e^x·K(x) for any order, by the trapezoidal rule on ∫ exp(-x(cosh t - 1))·cosh νt dt, which converges exponentially. For x from 1 on. */
function integralK(order: number, x: number): number {
  const end = Math.acosh(1 + 42 / x);
  const steps = 100;
  const h = end / steps;
  let sum = 0.5;
  for (let i = 1; i <= steps; i++) {
    const t = i * h;
    // cosh t - 1 = 2·sinh²(t/2), without cancellation
    sum += Math.exp(-2 * x * Math.sinh(t / 2) ** 2) * Math.cosh(order * t);
  }
  return sum * h;
}

/** e^x·K(x), the modified function of the second kind of order 0 or 1; Infinity at 0, NaN below. @see Abramowitz & Stegun 9.6.11 */
export function scaledBesselK(order: 0 | 1, x: number): number {
  if (Number.isNaN(x) || x < 0) return NaN;
  if (x === 0) return Infinity;
  if (x === Infinity) return 0;
  if (x > 1) return integralK(order, x);
  const quarter = (x * x) / 4;
  const I = scaledBesselI(order, x) * Math.exp(x);
  // ψ(k+1) + ψ(k+1+ν), times (x²/4)^k / (k!·(k+ν)!)
  let [factor, digammas, sum] = [1, order === 0 ? -2 * gamma : 1 - 2 * gamma, 0];
  for (let k = 0; k < 30; k++) {
    sum += factor * digammas;
    factor *= quarter / ((k + 1) * (k + 1 + order));
    digammas += 1 / (k + 1) + 1 / (k + 1 + order);
  }
  const log = Math.log(x / 2);
  const value = order === 0 ? -log * I + sum / 2 : 1 / x + log * I - (x / 4) * sum;
  return value * Math.exp(x);
}

/** Airy's function Ai. @see Abramowitz & Stegun 10.4 */
export function airyAi(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (Math.abs(x) === Infinity) return 0;
  const zeta = (2 / 3) * Math.abs(x) ** 1.5;
  if (x > 2) return (Math.sqrt(x / 3) / Math.PI) * integralK(1 / 3, zeta) * Math.exp(-zeta);
  if (x < -8) {
    // u[k] = u[k-1]·(6k - 5)(6k - 3)(6k - 1) / (216·k·(2k - 1)), the coefficients of ζ^-k
    let [p, q, term] = [1, 0, 1];
    for (let k = 1; k < 30; k++) {
      const following = (term * (6 * k - 5) * (6 * k - 3) * (6 * k - 1)) / (216 * k * (2 * k - 1) * zeta);
      if (following > term) break;
      term = following;
      if (k % 2 === 1) q += (k % 4 === 1 ? 1 : -1) * term;
      else p += (k % 4 === 0 ? 1 : -1) * term;
    }
    const angle = zeta - Math.PI / 4;
    return (Math.cos(angle) * p + Math.sin(angle) * q) / (Math.sqrt(Math.PI) * Math.sqrt(Math.sqrt(-x)));
  }
  // Ai(x) = Ai(0)·f(x) + Ai'(0)·g(x)
  let [f, g, fTerm, gTerm] = [1, x, 1, x];
  for (let k = 1; k < 80; k++) {
    fTerm *= (x * x * x) / ((3 * k - 1) * (3 * k));
    gTerm *= (x * x * x) / (3 * k * (3 * k + 1));
    f += fTerm;
    g += gTerm;
  }
  return 0.3550280538878172 * f - 0.2588194037928068 * g;
}
