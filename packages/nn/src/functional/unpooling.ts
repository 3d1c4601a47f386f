import { ArgumentError, checkTensor, describe, DTypeError, readCall, ShapeError, showShape, type Call, type Tensor } from '@flambeau/core';
import { product, spread, type Size } from './size.ts';

/** Options of max unpooling: those of the pooling that it undoes. */
export interface MaxUnpoolOptions {
  /** Where the values go, of the input's shape. */
  indices: Tensor;
  /** The size of the window of the pooling. */
  kernelSize: Size;
  /** The kernel's size by default. */
  stride?: Size | null;
  /** The padding of the pooling; 0 by default. */
  padding?: Size;
  /** The size of the result, where several would pool to the input's: the spatial dimensions, or all. */
  outputSize?: readonly number[] | null;
}
type MaxUnpoolCall = Call<MaxUnpoolOptions, ['indices', 'kernelSize', 'stride', 'padding', 'outputSize']>;

function checkUnpool(op: string, dims: number, x: Tensor, indices: Tensor): void {
  checkTensor(op, 'input', x);
  checkTensor(op, 'indices', indices);
  if (indices.dtype !== 'int32' && indices.dtype !== 'int64')
    throw new DTypeError({ op, expected: 'indices of int32 or int64', received: indices.dtype });
  if (x.ndim !== dims + 1 && x.ndim !== dims + 2)
    throw new ShapeError({ op, expected: `${dims + 1} or ${dims + 2} dimensions`, received: showShape(x.shape) });
  if (showShape(x.shape) !== showShape(indices.shape))
    throw new ShapeError({ op, expected: `indices of the input's shape ${showShape(x.shape)}`, received: showShape(indices.shape) });
  if (x.shape.slice(x.ndim - dims - 1).includes(0))
    throw new ShapeError({ op, expected: 'dimensions with elements after the batch', received: showShape(x.shape) });
}

function unpool(dims: 1 | 2 | 3, x: Tensor, args: readonly unknown[]): Tensor {
  const op = `maxUnpool${dims}d`;
  const options = readCall<MaxUnpoolOptions>(op, args, ['indices', 'kernelSize', 'stride', 'padding', 'outputSize']);
  const { indices } = options;
  checkUnpool(op, dims, x, indices);
  const kernel = spread(op, 'kernelSize', options.kernelSize, dims, 1);
  const stride = spread(op, 'stride', options.stride ?? kernel, dims, 1);
  const padding = spread(op, 'padding', options.padding ?? 0, dims);
  const lead = x.shape.slice(0, x.ndim - dims);
  const usual = x.shape.slice(x.ndim - dims).map((n, i) => (n - 1) * stride[i] + kernel[i] - 2 * padding[i]);
  const output = chosenSize(op, dims, usual, stride, options.outputSize);
  if (output.some((n) => n < 1)) throw new ShapeError({ op, expected: 'a result of positive sizes', received: showShape(output) });
  const flat = x.newZeros([...lead, product(output)]);
  return flat.scatter(-1, indices.flatten(-dims), x.flatten(-dims)).reshape([...lead, ...output]);
}

/** The asked size, which must be less than a stride away from the usual one. */
function chosenSize(
  op: string,
  dims: number,
  usual: number[],
  stride: readonly number[],
  asked: readonly number[] | null | undefined,
): number[] {
  if (asked === undefined || asked === null) return usual;
  if (!Array.isArray(asked)) throw new ArgumentError({ op, expected: 'outputSize as an array', received: describe(asked) });
  const size: number[] = asked.length === dims + 2 ? asked.slice(2) : asked.length === dims + 1 && dims > 0 ? asked.slice(1) : [...asked];
  if (size.length !== dims)
    throw new ArgumentError({ op, expected: `outputSize of ${dims} or ${dims + 2} numbers`, received: describe(asked) });
  if (size.some((n, i) => !Number.isInteger(n) || n <= usual[i] - stride[i] || n >= usual[i] + stride[i])) {
    throw new ArgumentError({
      op,
      expected: `outputSize less than a stride away from ${showShape(usual)}`,
      received: describe(asked),
    });
  }
  return size;
}

/** Puts values back to where `maxPool1d` found them; zeros elsewhere. */
export const maxUnpool1d = (x: Tensor, ...args: MaxUnpoolCall): Tensor => unpool(1, x, args);
/** Puts values back to where `maxPool2d` found them; zeros elsewhere. @see Zeiler & Fergus 2014 */
export const maxUnpool2d = (x: Tensor, ...args: MaxUnpoolCall): Tensor => unpool(2, x, args);
/** Puts values back to where `maxPool3d` found them; zeros elsewhere. */
export const maxUnpool3d = (x: Tensor, ...args: MaxUnpoolCall): Tensor => unpool(3, x, args);
