import { arange, eye, type Tensor } from '@flambeau/core';

/** True where column - row compares with `diagonal`. */
function offDiagonal(x: Tensor, keep: (difference: Tensor) => Tensor): Tensor {
  const [rows, columns] = [x.shape[x.ndim - 2], x.shape[x.ndim - 1]];
  const options = { dtype: 'int32', device: x.device } as const;
  return keep(arange(columns, options).sub(arange(rows, options).unsqueeze(1)));
}

/** The lower triangle, on and below a diagonal; zeros elsewhere. */
export const lower = (x: Tensor, diagonal = 0): Tensor => x.maskedFill(offDiagonal(x, (d) => d.gt(diagonal)), 0); // prettier-ignore

/** The upper triangle, on and above a diagonal; zeros elsewhere. */
export const upper = (x: Tensor, diagonal = 0): Tensor => x.maskedFill(offDiagonal(x, (d) => d.lt(diagonal)), 0); // prettier-ignore

/** The diagonal alone; zeros elsewhere. */
export const diagonalPart = (x: Tensor): Tensor => x.maskedFill(offDiagonal(x, (d) => d.ne(0)), 0); // prettier-ignore

/** The identity with the dtype and device of x. */
export const identity = (x: Tensor, n: number): Tensor => eye(n, { dtype: x.dtype, device: x.device });

/** Matrices with given diagonals [..., n]. */
export const diagonalMatrix = (d: Tensor): Tensor => d.unsqueeze(-1).mul(identity(d, d.shape[d.ndim - 1]));
