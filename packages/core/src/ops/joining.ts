import { readCall } from '../call.ts';
import { dispatchOne } from '../dispatch.ts';
import { promoteTypes, type DType } from '../dtype.ts';
import { ArgumentError, ShapeError, describe } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim, sameShape, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { narrow } from './slicing.ts';
import { unsqueeze } from './views.ts';

export const catOp: Op<{ dim: number }> = defineOp({
  name: 'cat',
  moves: true,
  infer: (inputs, { dim }) => [
    { shape: inputs[0].shape.map((n, i) => (i === dim ? inputs.reduce((sum, x) => sum + x.shape[dim], 0) : n)), dtype: inputs[0].dtype },
  ],
  kernel(k, inputs, [out], { dim }) {
    let start = 0;
    for (const x of inputs) {
      k.copy(x, {
        storage: out.storage,
        dtype: out.dtype,
        count: x.count,
        shape: x.shape,
        strides: out.strides,
        offset: out.offset + start * out.strides[dim],
      });
      start += x.shape[dim];
    }
  },
  vjp({ needs, cotangents: [g], inputs, attrs: { dim } }) {
    let start = 0;
    return inputs.map((x, i) => {
      const from = start;
      start += x.shape[dim];
      return g && needs[i] ? narrow(g, dim, from, x.shape[dim]) : undefined;
    });
  },
});

export function checkTensors(op: string, tensors: unknown): asserts tensors is readonly Tensor[] {
  if (!Array.isArray(tensors) || tensors.length === 0 || !tensors.every((x) => x instanceof Tensor)) {
    throw new ArgumentError({ op, expected: 'a non-empty array of tensors', received: describe(tensors) });
  }
}

/**
 * Tensors one after the other along `dim`; all other sizes agree. A one-dimensional tensor without elements is skipped.
 * @throws ShapeError when another size differs.
 */
export function cat(tensors: readonly Tensor[], options: number | { dim?: number } = 0): Tensor {
  const { dim = 0 } = typeof options === 'number' ? { dim: options } : readCall<{ dim?: number }>('cat', [options], ['dim']);
  checkTensors('cat', tensors);
  const dtype = tensors.reduce<DType>((d, x) => promoteTypes(d, x.dtype), tensors[0].dtype);
  const parts = tensors.filter((x) => !(x.ndim === 1 && x.count === 0));
  if (parts.length === 0) return cast(tensors[0], dtype);
  const [first] = parts;
  if (first.ndim === 0)
    throw new ShapeError({ op: 'cat', expected: 'tensors of at least one dimension', received: '[]', hint: 'Use stack for scalars.' });
  const d = normalizeDim('cat', dim, first.ndim);
  for (const x of parts) {
    if (x.ndim !== first.ndim || x.shape.some((n, i) => i !== d && n !== first.shape[i])) {
      throw new ShapeError({
        op: 'cat',
        expected: `shapes that agree except in dimension ${d}`,
        received: `${showShape(first.shape)} and ${showShape(x.shape)}`,
      });
    }
  }
  if (parts.length === 1) return cast(first, dtype).clone();
  return dispatchOne(catOp, parts.map((x) => cast(x, dtype)), { dim: d }); // prettier-ignore
}

/** Tensors of one shape side by side along a new dimension. @throws ShapeError when shapes differ. */
export function stack(tensors: readonly Tensor[], options: number | { dim?: number } = 0): Tensor {
  const { dim = 0 } = typeof options === 'number' ? { dim: options } : readCall<{ dim?: number }>('stack', [options], ['dim']);
  checkTensors('stack', tensors);
  const [first] = tensors;
  const d = normalizeDim('stack', dim, first.ndim + 1);
  for (const x of tensors) {
    if (!sameShape(x.shape, first.shape))
      throw new ShapeError({
        op: 'stack',
        expected: 'tensors of one shape',
        received: `${showShape(first.shape)} and ${showShape(x.shape)}`,
      });
  }
  return cat(tensors.map((x) => unsqueeze(x, d)), d); // prettier-ignore
}
