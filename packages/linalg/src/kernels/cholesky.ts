/**
 * The lower triangle L with L·Lᵀ = A, from the lower triangle of a row-major n×n matrix.
 * @returns the order (from 1) of the first leading minor that is not positive, or 0
 */
export function factorCholesky(a: Float64Array, n: number, l: Float64Array): number {
  for (let j = 0; j < n; j++) {
    let diagonal = a[j * n + j];
    for (let k = 0; k < j; k++) diagonal -= l[j * n + k] ** 2;
    if (!(diagonal > 0)) return j + 1;
    const root = Math.sqrt(diagonal);
    l[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let sum = a[i * n + j];
      for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = sum / root;
    }
  }
  return 0;
}
