// The factorization of symmetric matrices that need not be definite, with diagonal pivots of one or two rows.
// See Bunch & Kaufman 1977; Golub & Van Loan, section 4.4.

/** From which size on a diagonal element serves as a pivot of one row: (1 + √17)/8. */
const alpha = (1 + Math.sqrt(17)) / 8;

/** The place and size of the largest of `values(from)` to `values(to - 1)`. */
function largest(from: number, to: number, values: (i: number) => number): [at: number, size: number] {
  let [at, size] = [from, 0];
  for (let i = from; i < to; i++) {
    const candidate = Math.abs(values(i));
    if (candidate > size) [at, size] = [i, candidate];
  }
  return [at, size];
}

/**
 * Factors a row-major symmetric n×n matrix in place in its lower triangle: L below the diagonal, D on it and, for pivots of two rows, beside it.
 * `pivots[k]` is the row (from 1) that row k was swapped with; two equal negative numbers stand for a pivot of two rows.
 * @returns the first row (from 1) whose pivot is zero, or 0
 */
export function factorLDL(a: Float64Array, n: number, pivots: Float64Array): number {
  const at = (i: number, j: number): number => a[i * n + j];
  const swap = (i: number, j: number, p: number, q: number): void => {
    const held = a[i * n + j];
    a[i * n + j] = a[p * n + q];
    a[p * n + q] = held;
  };
  let info = 0;
  for (let k = 0; k < n;) {
    let [size, pivot] = [1, k];
    const diagonal = Math.abs(at(k, k));
    const [row, column] = largest(k + 1, n, (i) => at(i, k));
    if (Math.max(diagonal, column) === 0) {
      if (info === 0) info = k + 1;
      pivots[k] = k + 1;
      k++;
      continue;
    }
    if (diagonal < alpha * column) {
      const beside = Math.max(largest(k, row, (j) => at(row, j))[1], largest(row + 1, n, (i) => at(i, row))[1]);
      if (diagonal < alpha * column * (column / beside)) {
        pivot = row;
        if (Math.abs(at(row, row)) < alpha * beside) size = 2;
      }
    }
    const last = k + size - 1;
    if (pivot !== last) {
      for (let i = pivot + 1; i < n; i++) swap(i, last, i, pivot);
      for (let i = last + 1; i < pivot; i++) swap(i, last, pivot, i);
      swap(last, last, pivot, pivot);
      if (size === 2) swap(k + 1, k, pivot, k);
    }
    if (size === 1) eliminateOne(a, n, k);
    else eliminateTwo(a, n, k);
    for (let i = k; i <= last; i++) pivots[i] = size === 1 ? pivot + 1 : -(pivot + 1);
    k += size;
  }
  return info;
}

function eliminateOne(a: Float64Array, n: number, k: number): void {
  const d = a[k * n + k];
  for (let j = k + 1; j < n; j++) {
    const factor = a[j * n + k] / d;
    for (let i = j; i < n; i++) a[i * n + j] -= a[i * n + k] * factor;
  }
  for (let i = k + 1; i < n; i++) a[i * n + k] /= d;
}

function eliminateTwo(a: Float64Array, n: number, k: number): void {
  const beside = a[(k + 1) * n + k];
  const [d11, d22] = [a[(k + 1) * n + k + 1] / beside, a[k * n + k] / beside];
  const scale = 1 / (d11 * d22 - 1) / beside;
  for (let j = k + 2; j < n; j++) {
    const w0 = scale * (d11 * a[j * n + k] - a[j * n + k + 1]);
    const w1 = scale * (d22 * a[j * n + k + 1] - a[j * n + k]);
    for (let i = j; i < n; i++) a[i * n + j] -= a[i * n + k] * w0 + a[i * n + k + 1] * w1;
    a[j * n + k] = w0;
    a[j * n + k + 1] = w1;
  }
}

/** Solves A·X = B in place of B (n×columns) from the factors. */
export function solveLDL(ld: Float64Array, n: number, pivots: Float64Array, b: Float64Array, columns: number): void {
  const swapRows = (p: number, q: number): void => {
    if (p === q) return;
    for (let c = 0; c < columns; c++) [b[p * columns + c], b[q * columns + c]] = [b[q * columns + c], b[p * columns + c]];
  };
  const starts: number[] = [];
  for (let k = 0; k < n; k += pivots[k] < 0 ? 2 : 1) starts.push(k);
  // L·Y = B with the swaps, then D
  for (const k of starts) {
    const size = pivots[k] < 0 ? 2 : 1;
    swapRows(k + size - 1, Math.abs(pivots[k]) - 1);
    for (let i = k + size; i < n; i++)
      for (let s = 0; s < size; s++) for (let c = 0; c < columns; c++) b[i * columns + c] -= ld[i * n + k + s] * b[(k + s) * columns + c];
    for (let c = 0; c < columns; c++) {
      if (size === 1) {
        b[k * columns + c] /= ld[k * n + k];
        continue;
      }
      const [p, q, r] = [ld[k * n + k], ld[(k + 1) * n + k], ld[(k + 1) * n + k + 1]];
      const [x, y] = [b[k * columns + c], b[(k + 1) * columns + c]];
      b[k * columns + c] = (r * x - q * y) / (p * r - q * q);
      b[(k + 1) * columns + c] = (p * y - q * x) / (p * r - q * q);
    }
  }
  // Lᵀ·X = Y, the swaps backwards
  for (const k of starts.reverse()) {
    const size = pivots[k] < 0 ? 2 : 1;
    for (let s = 0; s < size; s++)
      for (let i = k + size; i < n; i++)
        for (let c = 0; c < columns; c++) b[(k + s) * columns + c] -= ld[i * n + k + s] * b[i * columns + c];
    swapRows(k + size - 1, Math.abs(pivots[k]) - 1);
  }
}
