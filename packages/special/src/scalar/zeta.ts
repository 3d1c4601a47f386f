// B(2k) / (2k)! for the corrections of Euler and Maclaurin
const corrections = [
  1 / 12,
  -1 / 720,
  1 / 30240,
  -1 / 1209600,
  1 / 47900160,
  -691 / 1307674368000,
  1 / 74724249600,
  -3617 / 10670622842880000,
];

/**
 * Hurwitz's zeta function Σ (k + q)^-x: Infinity for x = 1 and at poles, NaN for x below 1.
 * @see Abramowitz & Stegun 23.2; Johansson 2015, section 4
 */
export function hurwitzZeta(x: number, q: number): number {
  if (Number.isNaN(x) || Number.isNaN(q) || x < 1) return NaN;
  if (x === 1) return Infinity;
  if (q <= 0 && Number.isInteger(q)) return Infinity;
  if (q <= 0 && !Number.isInteger(x)) return NaN;
  let [sum, a] = [0, q];
  for (; a < 12; a++) sum += a ** -x;
  let tail = a ** (1 - x) / (x - 1) + 0.5 * a ** -x;
  // x·(x+1)···(x+2k-2)·a^(1-x-2k)
  let factor = x * a ** (-x - 1);
  corrections.forEach((b, k) => {
    tail += b * factor;
    factor *= ((x + 2 * k + 1) * (x + 2 * k + 2)) / (a * a);
  });
  return sum + tail;
}
