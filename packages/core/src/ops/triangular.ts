import { readCall, type Call } from '../call.ts';
import { checkDimensions, checkInteger } from '../checks.ts';
import { deviceOf } from '../device.ts';
import { checkDType } from '../dtype.ts';
import type { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { type TensorOptions } from './creation.ts';
import { fromNumbers } from './data.ts';
import { where } from './masking.ts';

/** True on and below the diagonal that lies `diagonal` places above the main one, for the last two dimensions of x. */
function lowerMask(x: Tensor, diagonal: number): Tensor {
  const count = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);
  const [rows, columns] = [x.shape[x.ndim - 2], x.shape[x.ndim - 1]];
  return x.newInt32(count(columns)).le(x.newInt32(count(rows)).unsqueeze(1).add(diagonal));
}

/** The part of matrices on and below a diagonal, zeros elsewhere. @throws ShapeError for fewer than two dimensions */
export function tril(x: Tensor, ...args: Call<{ diagonal?: number }, ['diagonal']>): Tensor {
  const { diagonal = 0 } = readCall<{ diagonal?: number }>('tril', args, ['diagonal']);
  checkInteger('tril', 'diagonal', diagonal);
  return where(lowerMask(checkDimensions('tril', x, 2), diagonal), x, x.newZeros([]));
}

/** The part of matrices on and above a diagonal, zeros elsewhere. @throws ShapeError for fewer than two dimensions */
export function triu(x: Tensor, ...args: Call<{ diagonal?: number }, ['diagonal']>): Tensor {
  const { diagonal = 0 } = readCall<{ diagonal?: number }>('triu', args, ['diagonal']);
  checkInteger('triu', 'diagonal', diagonal);
  return where(lowerMask(checkDimensions('triu', x, 2), diagonal - 1), x.newZeros([]), x);
}

function triangleIndices(op: string, args: readonly unknown[], belongs: (row: number, column: number, offset: number) => boolean): Tensor {
  const all = readCall<TensorOptions & { row: number; col: number; offset?: number }>(op, args, ['row', 'col', 'offset'], ['dtype', 'device', 'layout']); // prettier-ignore
  const { offset = 0 } = all;
  const [row, col] = [checkInteger(op, 'row', all.row, 0), checkInteger(op, 'col', all.col, 0)];
  checkInteger(op, 'offset', offset);
  const [rows, columns] = [[] as number[], [] as number[]];
  for (let i = 0; i < row; i++) {
    for (let j = 0; j < col; j++) {
      if (!belongs(i, j, offset)) continue;
      rows.push(i);
      columns.push(j);
    }
  }
  const made = fromNumbers([...rows, ...columns], [2, rows.length], 'int32', deviceOf(op, all));
  return cast(made, checkDType(op, all.dtype ?? 'int32'));
}

/** Arguments of `trilIndices` and `triuIndices`. */
export type TriangleArguments = Call<TensorOptions & { row: number; col: number; offset?: number }, ['row', 'col', 'offset']>;

/** Rows and columns of the places on and below a diagonal of a row × col matrix: shape [2, n], int32 unless `dtype` says otherwise. */
export const trilIndices = (...args: TriangleArguments): Tensor => triangleIndices('trilIndices', args, (i, j, offset) => j <= i + offset);
/** Rows and columns of the places on and above a diagonal of a row × col matrix: shape [2, n], int32 unless `dtype` says otherwise. */
export const triuIndices = (...args: TriangleArguments): Tensor => triangleIndices('triuIndices', args, (i, j, offset) => j >= i + offset);
