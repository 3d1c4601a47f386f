/**
 * Factors a row-major m×n matrix in place, P·A = L·U: U on and above the diagonal, L below it with ones on its own diagonal.
 * Pivots are the largest magnitudes of each column; `pivots[k]` is the row, counted from 1, that row k was swapped with.
 * @returns the first column (counted from 1) whose pivot is zero, or 0
 */
export function factorLU(a: Float64Array, m: number, n: number, pivots: Float64Array, pivoting = true): number {
  let singular = 0;
  for (let k = 0; k < Math.min(m, n); k++) {
    let best = k;
    if (pivoting) for (let i = k + 1; i < m; i++) if (Math.abs(a[i * n + k]) > Math.abs(a[best * n + k])) best = i;
    pivots[k] = best + 1;
    if (best !== k) {
      for (let j = 0; j < n; j++) {
        const held = a[k * n + j];
        a[k * n + j] = a[best * n + j];
        a[best * n + j] = held;
      }
    }
    const pivot = a[k * n + k];
    if (pivot === 0) {
      if (singular === 0) singular = k + 1;
      continue;
    }
    for (let i = k + 1; i < m; i++) {
      const factor = (a[i * n + k] /= pivot);
      if (factor === 0) continue;
      for (let j = k + 1; j < n; j++) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return singular;
}

/** Solves A·X = B in place of B (n×columns) from the factors of a square A. */
export function solveLU(lu: Float64Array, n: number, pivots: Float64Array, b: Float64Array, columns: number): void {
  for (let k = 0; k < n; k++) {
    const p = pivots[k] - 1;
    if (p === k) continue;
    for (let j = 0; j < columns; j++) {
      const held = b[k * columns + j];
      b[k * columns + j] = b[p * columns + j];
      b[p * columns + j] = held;
    }
  }
  solveTriangle(lu, n, b, columns, { upper: false, unit: true });
  solveTriangle(lu, n, b, columns, { upper: true, unit: false });
}

/** Solves T·X = B in place of B, where T is one triangle of a row-major n×n matrix. */
export function solveTriangle(
  a: Float64Array,
  n: number,
  b: Float64Array,
  columns: number,
  { upper, unit }: { upper: boolean; unit: boolean },
): void {
  for (let step = 0; step < n; step++) {
    const i = upper ? n - 1 - step : step;
    const [from, to] = upper ? [i + 1, n] : [0, i];
    for (let k = from; k < to; k++) {
      const factor = a[i * n + k];
      if (factor === 0) continue;
      for (let j = 0; j < columns; j++) b[i * columns + j] -= factor * b[k * columns + j];
    }
    if (unit) continue;
    const diagonal = a[i * n + i];
    for (let j = 0; j < columns; j++) b[i * columns + j] /= diagonal;
  }
}
