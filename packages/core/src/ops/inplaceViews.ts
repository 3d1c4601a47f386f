import { ArgumentError, NotSupportedError } from '../errors.ts';
import { contiguousStrides } from '../layout.ts';
import { checkShape, numel, shapeArguments, type Shape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { checkTensor } from '../checks.ts';
import { isRecorded } from './inplace.ts';
import { asStrided } from './strided.ts';
import { squeeze, t, transpose, unsqueeze } from './views.ts';

// Methods that give a tensor another layout over its own elements, as PyTorch's `unsqueeze_` and its like do.

/** What the autograd layer adds to a tensor. */
type MaybeLeaf = Tensor & { readonly requiresGrad?: boolean; readonly isLeaf?: boolean };

/** Gives `x` the layout of a view of it. What was recorded of x stays with its old layout, which x then is a view of. */
function relayout(op: string, x: Tensor, view: (before: Tensor) => Tensor): Tensor {
  checkTensor(op, 'the input', x);
  const recorded = isRecorded([x]);
  if (recorded && (x as MaybeLeaf).isLeaf === true) {
    throw new ArgumentError({
      op,
      expected: 'a tensor that is no leaf, or noGrad',
      received: 'a leaf that requires a gradient',
      hint: `Use the form without the underscore: ${op.slice(0, -1)}.`,
    });
  }
  const before = new Tensor(x.storage, x.dtype, x.shape, x.strides, x.offset, x.count);
  before.tape = x.tape;
  before.viewed = x.viewed;
  const after = view(before);
  if (after === before) return x;
  x.shape = after.shape;
  x.strides = after.strides;
  x.offset = after.offset;
  x.count = after.count;
  if (recorded || x.viewed !== undefined) {
    x.tape = after.tape;
    x.viewed = after.viewed;
  }
  return x;
}

/** Makes `x.f_(...)` of a function that gives a view. */
const inPlace =
  <Rest extends unknown[]>(op: string, f: (x: Tensor, ...rest: Rest) => Tensor): ((x: Tensor, ...rest: Rest) => Tensor) =>
  (x, ...rest) =>
    relayout(op, x, (before) => f(before, ...rest));

type InPlace<F> = F extends (x: Tensor, ...rest: infer Rest) => Tensor ? (x: Tensor, ...rest: Rest) => Tensor : never;

/** A new dimension of size 1 at `dim`, in place. */
export const unsqueeze_: InPlace<typeof unsqueeze> = inPlace('unsqueeze_', unsqueeze);
/** Without the dimensions of size 1, in place: all of them, or those of `dim`. */
export const squeeze_: InPlace<typeof squeeze> = inPlace('squeeze_', squeeze);
/** The transpose of a matrix, in place. */
export const t_: InPlace<typeof t> = inPlace('t_', t);
/** Swaps two dimensions in place. */
export const transpose_: InPlace<typeof transpose> = inPlace('transpose_', transpose);
/** As `transpose_`. */
export const swapaxes_: typeof transpose_ = inPlace('swapaxes_', transpose);
/** As `transpose_`. */
export const swapdims_: typeof transpose_ = inPlace('swapdims_', transpose);
/** Another layout by strides, in place. */
export const asStrided_: InPlace<typeof asStrided> = inPlace('asStrided_', asStrided);

/**
 * Gives the tensor another shape in place. Elements keep their order; where there are more than before, the rest is 0.
 * @throws NotSupportedError for a tensor that requires a gradient, whose graph could not follow
 */
export function resize_(x: Tensor, ...size: (number | Shape)[]): Tensor {
  const op = 'resize_';
  checkTensor(op, 'the input', x);
  const shape = shapeArguments(op, size);
  if (isRecorded([x])) {
    throw new NotSupportedError({ op, expected: 'a tensor without a gradient', received: 'one that requires it', hint: 'Use reshape, or detach() it.' }); // prettier-ignore
  }
  const count = numel(shape);
  const flat = x.contiguous();
  if (count <= x.count) {
    if (flat !== x) x.data = flat;
  } else {
    const grown = x.newZeros([count]);
    grown.narrow(0, 0, x.count).copy_(flat.reshape([-1]));
    x.data = grown;
    x.viewed = undefined;
  }
  x.shape = shape;
  x.strides = contiguousStrides(shape);
  x.count = count;
  return x;
}

/** `resize_` to the shape of another tensor. */
export const resizeAs_ = (x: Tensor, other: Tensor): Tensor =>
  resize_(x, checkShape('resizeAs_', checkTensor('resizeAs_', 'the other', other).shape));
