import { readCall, type Call } from '../call.ts';
import { checkInput, checkDimensions, checkInteger } from '../checks.ts';
import { IndexError } from '../errors.ts';
import { normalizeDim } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { where } from './masking.ts';
import { diagonal } from './strided.ts';
import { expandTo } from './views.ts';

/** Arguments of `diagEmbed`. */
export interface DiagEmbedOptions {
  /** Places above the main diagonal; below it when negative. */
  offset?: number;
  /** Where the rows of the matrices stand in the result; the second last dimension by default. */
  dim1?: number;
  /** Where their columns stand; the last dimension by default. */
  dim2?: number;
}

/** The last dimension as a diagonal of two new dimensions, zeros beside it. @throws IndexError when both dims are the same */
export function diagEmbed(x: Tensor, ...args: Call<DiagEmbedOptions, ['offset', 'dim1', 'dim2']>): Tensor {
  const op = 'diagEmbed';
  const { offset = 0, dim1 = -2, dim2 = -1 } = readCall<DiagEmbedOptions>(op, args, ['offset', 'dim1', 'dim2']);
  checkInteger(op, 'offset', offset);
  checkDimensions(op, x, 1);
  const [i, j] = [normalizeDim(op, dim1, x.ndim + 1), normalizeDim(op, dim2, x.ndim + 1)];
  if (i === j) throw new IndexError({ op, expected: 'two different dims', received: `${dim1} and ${dim2}` });
  const n = x.shape[x.ndim - 1];
  const size = n + Math.abs(offset);
  const places = (start: number): Tensor => x.newInt32(Int32Array.from({ length: size }, (_, k) => k - start));
  // Row r, column c holds element r (or c) of the diagonal where c - r is the offset.
  const [rows, columns] = [places(offset < 0 ? -offset : 0), places(offset > 0 ? offset : 0)];
  const hit = rows
    .unsqueeze(1)
    .eq(columns)
    .logicalAnd(rows.ge(0).logicalAnd(rows.lt(n)).unsqueeze(1));
  const index = rows.clamp(0, Math.max(0, n - 1)).unsqueeze(1).expand(size, size); // prettier-ignore
  const lead = x.shape.slice(0, -1);
  const square = [...lead, size, size];
  if (n === 0) return x.newZeros(square).movedim([-2, -1], [i, j]);
  const values = x
    .unsqueeze(-1)
    .expand([...lead, n, size])
    .gather(-2, expandTo(index, square));
  return where(hit, values, x.newZeros([])).movedim([-2, -1], [i, j]); // prettier-ignore
}

/** A vector as the diagonal of a matrix, or the diagonal of a matrix as a vector. @throws ShapeError for other ranks */
export function diag(x: Tensor, ...args: Call<{ diagonal?: number }, ['diagonal']>): Tensor {
  const { diagonal: offset = 0 } = readCall<{ diagonal?: number }>('diag', args, ['diagonal']);
  checkDimensions('diag', x, 1, 2);
  return x.ndim === 1 ? diagEmbed(x, offset) : diagonal(x, offset).contiguous();
}

/** The flattened tensor as the diagonal of a matrix. */
export function diagflat(x: Tensor, ...args: Call<{ offset?: number }, ['offset']>): Tensor {
  checkInput('diagflat', x);
  const { offset = 0 } = readCall<{ offset?: number }>('diagflat', args, ['offset']);
  return diagEmbed(x.reshape(-1), offset);
}

/** The sum of the diagonal of a matrix. @throws ShapeError for other ranks */
export const trace = (x: Tensor): Tensor => diagonal(checkDimensions('trace', x, 2, 2)).sum();
