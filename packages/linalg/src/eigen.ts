import { readCall, ArgumentError, describe, dispatch, NotSupportedError, type Op, type Tensor } from '@flambeau/core';
import { EigenvalueDecomposition, type Matrix } from 'ml-matrix';
import { checkFinite, defineHostOp, named, toMatrix, wideSquare } from './host.ts';
import { solveWide } from './solve.ts';
import { diagonalMatrix, diagonalPart } from './triangles.ts';

/** Eigenvalues [..., n] and eigenvectors [..., n, n], one a column. */
export type EigenParts = Tensor[] & { readonly eigenvalues: Tensor; readonly eigenvectors: Tensor };

/** Writes values in rising order, and their vectors. */
function write(values: readonly number[], vectors: Matrix, n: number, outValues: Float64Array, outVectors: Float64Array): void {
  const order = values.map((_, i) => i).sort((p, q) => values[p] - values[q]);
  order.forEach((from, j) => {
    outValues[j] = values[from];
    for (let i = 0; i < n; i++) outVectors[i * n + j] = vectors.get(i, from);
  });
}

/** differences[i, j] = λ[j] - λ[i], with ones on the diagonal. */
const differences = (values: Tensor): Tensor => {
  const d = values.unsqueeze(-2).sub(values.unsqueeze(-1));
  return d.add(diagonalPart(d.mul(0).add(1)));
};

interface EighAttrs {
  readonly upper: boolean;
}

/** gA = V·(diag(gλ) + (Vᵀ·gV) / (λ[j] - λ[i]))·Vᵀ. */
const eighOp: Op<EighAttrs> = defineHostOp<EighAttrs>({
  name: 'linalgEigh',
  ranks: [2],
  outputs: ([[n]]) => [{ shape: [n] }, { shape: [n, n] }],
  run({ inputs: [a], shapes: [[n]], outputs: [values, vectors], attrs: { upper }, where }) {
    checkFinite('linalg.eigh', a, where);
    if (n === 0) return;
    const full = a.slice();
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) {
      if (upper) full[i * n + j] = a[j * n + i];
      else full[j * n + i] = a[i * n + j];
    } // prettier-ignore
    const found = new EigenvalueDecomposition(toMatrix(full, n, n), { assumeSymmetric: true });
    write(found.realEigenvalues, found.eigenvectorMatrix, n, values, vectors);
  },
  save: (_, outputs) => outputs,
  vjp({ cotangents: [gValues, gVectors], saved: [values, V] }) {
    if (gValues === undefined && gVectors === undefined) return [undefined];
    if (gVectors === undefined) return [V.mul((gValues as Tensor).unsqueeze(-2)).matmul(V.mT)];
    const turned = V.mT.matmul(gVectors).div(differences(values));
    const inner = turned.sub(diagonalPart(turned));
    return [V.matmul(gValues === undefined ? inner : inner.add(diagonalMatrix(gValues))).matmul(V.mT)];
  },
});

/** Which triangle of a symmetric matrix is read. */
export interface EighOptions {
  /** `L`, the lower one, by default. */
  UPLO?: 'L' | 'U';
}

const isUpper = (op: string, uplo: unknown): boolean => {
  if (uplo !== 'L' && uplo !== 'U') throw new ArgumentError({ op, expected: "UPLO 'L' or 'U'", received: describe(uplo) });
  return uplo === 'U';
};

function symmetric(op: string, A: Tensor, UPLO: 'L' | 'U' | EighOptions): Tensor[] {
  const upper = isUpper(op, readCall<EighOptions>(op, [UPLO], ['UPLO']).UPLO ?? 'L');
  return dispatch(eighOp, [wideSquare(op, A)], { upper });
}

/**
 * Eigenvalues in rising order, and orthonormal eigenvectors, of symmetric matrices. The sign of a vector is free: the gradient is that of
 * functions that do not see it.
 * @param A - shape [..., n, n], of which one triangle is read
 */
export function eigh(A: Tensor, UPLO: 'L' | 'U' | EighOptions = 'L'): EigenParts {
  const [values, vectors] = symmetric('linalg.eigh', A, UPLO);
  return named({ eigenvalues: values.to(A.dtype), eigenvectors: vectors.to(A.dtype) });
}

/** The eigenvalues of symmetric matrices [..., n, n], in rising order. */
export const eigvalsh = (A: Tensor, UPLO: 'L' | 'U' | EighOptions = 'L'): Tensor => symmetric('linalg.eigvalsh', A, UPLO)[0].to(A.dtype);

/** gA = V⁻ᵀ·(diag(gλ) + (Vᵀ·gV - VᵀV·diag(Vᵀ·gV)) / (λ[j] - λ[i]))·Vᵀ. */
const eigOp: Op = defineHostOp<unknown>({
  name: 'linalgEig',
  ranks: [2],
  outputs: ([[n]]) => [{ shape: [n] }, { shape: [n, n] }],
  run({ inputs: [a], shapes: [[n]], outputs: [values, vectors], where }) {
    checkFinite('linalg.eig', a, where);
    if (n === 0) return;
    const found = new EigenvalueDecomposition(toMatrix(a, n, n));
    const size = Math.max(...found.realEigenvalues.map(Math.abs), Number.MIN_VALUE);
    if (found.imaginaryEigenvalues.some((x) => Math.abs(x) > 1e-12 * size)) {
      throw new NotSupportedError({
        op: 'linalg.eig',
        expected: 'a matrix with real eigenvalues, for there are no complex tensors',
        received: `one with complex eigenvalues${where}`,
        hint: 'Use eigh for symmetric matrices, or svd.',
      });
    }
    write(found.realEigenvalues, found.eigenvectorMatrix, n, values, vectors);
    for (let j = 0; j < n; j++) {
      let square = 0;
      for (let i = 0; i < n; i++) square += vectors[i * n + j] ** 2;
      for (let i = 0; i < n; i++) vectors[i * n + j] /= Math.sqrt(square);
    }
  },
  save: (_, outputs) => outputs,
  vjp({ cotangents: [gValues, gVectors], saved: [values, V] }) {
    if (gValues === undefined && gVectors === undefined) return [undefined];
    let inner = gValues === undefined ? undefined : diagonalMatrix(gValues);
    if (gVectors !== undefined) {
      const turned = V.mT.matmul(gVectors);
      const slopes = turned.sub(V.mT.matmul(V).matmul(diagonalPart(turned))).div(differences(values));
      const rest = slopes.sub(diagonalPart(slopes));
      inner = inner === undefined ? rest : inner.add(rest);
    }
    return [solveWide(V.mT, (inner as Tensor).matmul(V.mT), 'linalg.eig')[0]];
  },
});

/**
 * Eigenvalues in rising order and eigenvectors of length 1 of square matrices whose eigenvalues are real.
 * @param A - shape [..., n, n]
 * @throws NotSupportedError when eigenvalues are complex
 */
export function eig(A: Tensor): EigenParts {
  const [values, vectors] = dispatch(eigOp, [wideSquare('linalg.eig', A)], undefined);
  return named({ eigenvalues: values.to(A.dtype), eigenvectors: vectors.to(A.dtype) });
}

/** The eigenvalues of square matrices [..., n, n], where they are real. @throws NotSupportedError when they are complex */
export const eigvals = (A: Tensor): Tensor => dispatch(eigOp, [wideSquare('linalg.eigvals', A)], undefined)[0].to(A.dtype);
