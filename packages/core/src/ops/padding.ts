import { readCall, type Call } from '../call.ts';
import { checkInput, checkInteger } from '../checks.ts';
import { ArgumentError, ShapeError, describe } from '../errors.ts';
import { showShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cat } from './joining.ts';
import { narrow } from './slicing.ts';

/** Arguments of `constantPadNd`. */
export interface ConstantPadOptions {
  /** Places before and after, for the last dimension first: [left, right, top, bottom, ...]. Negative ones cut off. */
  pad: readonly number[];
  /** What fills the new places; 0 by default. */
  value?: number;
}

/** A copy of x with a value around it. @throws ShapeError when more is cut off than there is */
export function constantPadNd(x: Tensor, ...args: Call<ConstantPadOptions, ['pad', 'value']>): Tensor {
  const op = 'constantPadNd';
  checkInput(op, x);
  const { pad, value = 0 } = readCall<ConstantPadOptions>(op, args, ['pad', 'value']);
  if (!Array.isArray(pad) || pad.length % 2 !== 0 || pad.length > 2 * x.ndim)
    throw new ArgumentError({ op, expected: `pairs of places for at most ${x.ndim} dimensions`, received: describe(pad) });
  let y = x;
  for (let i = 0; i < pad.length; i += 2) {
    const d = x.ndim - 1 - i / 2;
    const [before, after] = [checkInteger(op, 'a pad', pad[i]), checkInteger(op, 'a pad', pad[i + 1])];
    const [cutBefore, cutAfter] = [Math.max(0, -before), Math.max(0, -after)];
    if (x.shape[d] + before + after < 0)
      throw new ShapeError({
        op,
        expected: `a size that is not negative in dimension ${d}`,
        received: `${showShape(x.shape)} with ${describe(pad)}`,
      });
    const kept = narrow(y, d, Math.min(cutBefore, y.shape[d]), Math.max(0, y.shape[d] - cutBefore - cutAfter));
    const side = (n: number): Tensor[] => (n > 0 ? [y.newFull(y.shape.map((size, j) => (j === d ? n : size)), value)] : []); // prettier-ignore
    const parts = [...side(before), kept, ...side(after)];
    y = parts.length === 1 ? kept : cat(parts, d);
  }
  return y === x ? x.clone() : y.contiguous();
}
