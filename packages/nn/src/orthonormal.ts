/** A matrix [m, n], m >= n, as LAPACK's geqrf leaves it. */
interface Reflections {
  /** R on and above the diagonal; below it the vectors of the reflections, whose first element is 1. */
  readonly compact: Float64Array;
  /** The reflections are I - τ v vᵀ; 0 for none, where a column was zero below the diagonal already. */
  readonly tau: Float64Array;
}

/** Householder's QR of a matrix [m, n], row by row, in float64. @see Golub & Van Loan, Matrix Computations, algorithm 5.2.1 */
export function reflections(a: Float64Array, m: number, n: number): Reflections {
  const compact = a.slice();
  const tau = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    const alpha = compact[k * n + k];
    let below = 0;
    for (let i = k + 1; i < m; i++) below += compact[i * n + k] ** 2;
    if (below === 0) continue;
    // The column becomes β e₀ with β = -sign(α)‖x‖, by v = x/(α - β) with 1 as its first element.
    const beta = (alpha < 0 ? 1 : -1) * Math.sqrt(alpha * alpha + below);
    tau[k] = (beta - alpha) / beta;
    for (let i = k + 1; i < m; i++) compact[i * n + k] /= alpha - beta;
    compact[k * n + k] = beta;
    reflect(compact, compact, tau[k], k, m, n, k + 1);
  }
  return { compact, tau };
}

/** Applies reflection k, whose vector stands in column k of `compact`, to the columns of x [m, n] from `from` on. */
function reflect(x: Float64Array, compact: Float64Array, tau: number, k: number, m: number, n: number, from: number): void {
  if (tau === 0) return;
  for (let j = from; j < n; j++) {
    let dot = x[k * n + j];
    for (let i = k + 1; i < m; i++) dot += compact[i * n + k] * x[i * n + j];
    x[k * n + j] -= tau * dot;
    for (let i = k + 1; i < m; i++) x[i * n + j] -= tau * dot * compact[i * n + k];
  }
}

/** The orthonormal factor Q [m, n] of a matrix A [m, n], m >= n, row by row, with the signs that make the diagonal of R positive: A = QR is then unique. */
export function orthonormalColumns(a: Float64Array, m: number, n: number): Float64Array {
  const { compact, tau } = reflections(a, m, n);
  const q = new Float64Array(m * n);
  for (let j = 0; j < n; j++) q[j * n + j] = 1;
  for (let k = n - 1; k >= 0; k--) reflect(q, compact, tau[k], k, m, n, 0);
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) q[i * n + j] *= Math.sign(compact[j * n + j]);
  return q;
}
