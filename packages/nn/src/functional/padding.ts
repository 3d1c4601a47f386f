import { ArgumentError, defineOp, describe, dispatchOne, ShapeError, showShape, type Op, type Tensor } from '@flambeau/core';

interface PadAttrs {
  /** Elements added before and after each dimension. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Surrounds a tensor with one value, which is `scalars[0]`. */
export const padOp: Op<PadAttrs> = defineOp<PadAttrs>({
  name: 'pad',
  moves: true,
  infer: ([x], { before, after }) => [{ shape: x.shape.map((n, i) => n + before[i] + after[i]), dtype: x.dtype }],
  kernel(k, [x], [out], { before }, [value]) {
    k.fill(out, value);
    const offset = before.reduce((sum, n, i) => sum + n * out.strides[i], out.offset);
    k.copy(x, { storage: out.storage, dtype: out.dtype, count: x.count, shape: x.shape, strides: out.strides, offset });
  },
  vjp({ cotangents: [g], inputs: [x], attrs: { before } }) {
    return [g && x.shape.reduce((y, n, i) => (y.shape[i] === n ? y : y.narrow(i, before[i], n)), g)];
  },
});

/**
 * Adds `padding` elements around the last dimensions: [left, right, top, bottom, ...], from the last dimension backwards. Negative ones cut off.
 * @throws ShapeError when there are more pairs than dimensions
 */
export function constantPad(x: Tensor, padding: readonly number[], value = 0): Tensor {
  if (padding.length % 2 !== 0 || !padding.every(Number.isInteger))
    throw new ArgumentError({ op: 'pad', expected: 'pairs of integers', received: describe(padding) });
  if (padding.length / 2 > x.ndim)
    throw new ShapeError({ op: 'pad', expected: `at most ${x.ndim} pairs for shape ${showShape(x.shape)}`, received: describe(padding) });
  let cut = x;
  const before = x.shape.map(() => 0);
  const after = x.shape.map(() => 0);
  for (let i = 0; i < padding.length / 2; i++) {
    const dim = x.ndim - 1 - i;
    const [low, high] = [padding[2 * i], padding[2 * i + 1]];
    if (x.shape[dim] + low + high < 0)
      throw new ShapeError({
        op: 'pad',
        expected: 'sizes that stay non-negative',
        received: `${describe(padding)} for ${showShape(x.shape)}`,
      });
    if (low < 0 || high < 0) cut = cut.narrow(dim, Math.max(0, -low), cut.shape[dim] + Math.min(0, low) + Math.min(0, high));
    before[dim] = Math.max(0, low);
    after[dim] = Math.max(0, high);
  }
  return [...before, ...after].every((n) => n === 0) ? cut : dispatchOne(padOp, [cut], { before, after }, [value]);
}
