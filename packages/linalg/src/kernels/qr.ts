/**
 * Householder's factors of a row-major m×n matrix, in place, by LAPACK's convention: reflectors H = I - τ·v·vᵀ with v[k] = 1, whose rest
 * is stored below the diagonal, and R[k,k] = -sign(a[k,k])·‖a[k:,k]‖. Where the rest of a column is zero, or there is none, τ is 0.
 */
export function factorQR(a: Float64Array, m: number, n: number, tau: Float64Array): void {
  for (let k = 0; k < Math.min(m, n); k++) {
    let square = 0;
    for (let i = k + 1; i < m; i++) square += a[i * n + k] ** 2;
    tau[k] = 0;
    if (square === 0) continue;
    const alpha = a[k * n + k];
    const beta = alpha >= 0 ? -Math.sqrt(alpha * alpha + square) : Math.sqrt(alpha * alpha + square);
    tau[k] = (beta - alpha) / beta;
    for (let i = k + 1; i < m; i++) a[i * n + k] /= alpha - beta;
    a[k * n + k] = beta;
    for (let j = k + 1; j < n; j++) {
      let dot = a[k * n + j];
      for (let i = k + 1; i < m; i++) dot += a[i * n + k] * a[i * n + j];
      dot *= tau[k];
      a[k * n + j] -= dot;
      for (let i = k + 1; i < m; i++) a[i * n + j] -= dot * a[i * n + k];
    }
  }
}

/** The first `columns` columns of H₁·H₂·…, from reflectors below the diagonal of an m×n matrix, into `q` (m×columns). */
export function formQ(a: Float64Array, m: number, n: number, tau: Float64Array, q: Float64Array, columns: number): void {
  q.fill(0);
  for (let i = 0; i < Math.min(m, columns); i++) q[i * columns + i] = 1;
  for (let k = tau.length - 1; k >= 0; k--) {
    if (tau[k] === 0) continue;
    for (let j = 0; j < columns; j++) {
      let dot = q[k * columns + j];
      for (let i = k + 1; i < m; i++) dot += a[i * n + k] * q[i * columns + j];
      dot *= tau[k];
      q[k * columns + j] -= dot;
      for (let i = k + 1; i < m; i++) q[i * columns + j] -= dot * a[i * n + k];
    }
  }
}
