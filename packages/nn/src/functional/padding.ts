import {
  ArgumentError,
  checkChoice,
  checkTensor,
  defineOp,
  describe,
  dispatchOne,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Op,
  type Tensor,
} from '@flambeau/core';

interface PadAttrs {
  /** Elements added before and after each dimension. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Surrounds a tensor with one value, which is `scalars[0]`. */
export const padOp: Op<PadAttrs> = /* @__PURE__ */ defineOp<PadAttrs>({
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

/** How `pad` fills what it adds. */
export type PaddingMode = 'constant' | 'reflect' | 'replicate' | 'circular';

interface PadOptions {
  /** [left, right, top, bottom, ...], from the last dimension backwards. Negative ones cut off. */
  pad: readonly number[];
  /** `constant` by default. The others pad the last one, two or three dimensions. */
  mode?: PaddingMode;
  /** What `constant` fills with, 0 by default. */
  value?: number | null;
}

/**
 * For each place of the padded dimension the place of x that it shows. `reflect` mirrors without repeating the edge, `replicate` repeats
 * the edge, `circular` starts again at the other end.
 */
function sourcePlaces(mode: PaddingMode, n: number, before: number, after: number): number[] {
  // What negative padding cuts off is gone before the rest starts again at the other end.
  const [cut, kept] = [Math.max(0, -before), n - Math.max(0, -before) - Math.max(0, -after)];
  return Array.from({ length: n + before + after }, (_, i) => {
    const place = i - before;
    if (mode === 'replicate') return Math.min(Math.max(place, 0), n - 1);
    if (mode === 'circular') return ((((place - cut) % kept) + kept) % kept) + cut;
    const mirrored = place < 0 ? -place : place;
    return mirrored >= n ? 2 * (n - 1) - mirrored : mirrored;
  });
}

function checkEdges(mode: PaddingMode, x: Tensor, dim: number, before: number, after: number): void {
  const n = x.shape[dim];
  const most = mode === 'reflect' ? n - 1 : mode === 'circular' ? n : Infinity;
  if (before > most || after > most)
    throw new ShapeError({
      op: 'pad',
      expected: `padding of at most ${most} in dimension ${dim} with mode ${mode}`,
      received: `${before} and ${after} for ${showShape(x.shape)}`,
    });
  if (n + before + after < (mode === 'circular' ? 0 : 1) || n === 0)
    throw new ShapeError({ op: 'pad', expected: 'sizes that stay positive', received: `${before} and ${after} for ${showShape(x.shape)}` });
}

/**
 * Adds elements around the last dimensions, or cuts them off where the padding is negative.
 * @returns x with `pad[2i] + pad[2i + 1]` more elements in dimension -1 - i
 * @throws ShapeError when the padding does not fit the shape, ArgumentError for an unknown mode
 */
export function pad(x: Tensor, ...args: Call<PadOptions, ['pad', 'mode', 'value']>): Tensor {
  checkTensor('pad', 'input', x);
  const { pad: padding, mode = 'constant', value } = readCall<PadOptions>('pad', args, ['pad', 'mode', 'value']);
  checkChoice('pad', 'mode', mode, ['constant', 'reflect', 'replicate', 'circular']);
  if (!Array.isArray(padding)) throw new ArgumentError({ op: 'pad', expected: 'an array of paddings', received: describe(padding) });
  if (mode === 'constant') return constantPad(x, padding, value ?? 0);
  if (value !== undefined && value !== null && value !== 0)
    throw new ArgumentError({ op: 'pad', expected: `no value with mode ${mode}`, received: String(value) });
  if (padding.length % 2 !== 0 || !padding.every(Number.isInteger))
    throw new ArgumentError({ op: 'pad', expected: 'pairs of integers', received: describe(padding) });
  const dims = padding.length / 2;
  if (dims < 1 || dims > 3 || (x.ndim !== dims + 1 && x.ndim !== dims + 2)) {
    throw new ShapeError({
      op: 'pad',
      expected: 'as many pairs as there are dimensions after the channels, at most 3',
      received: `${dims} pairs for ${showShape(x.shape)}`,
    });
  }
  if (x.shape.slice(x.ndim - dims - 1).includes(0))
    throw new ShapeError({ op: 'pad', expected: 'dimensions with elements', received: showShape(x.shape) });
  for (let i = 0; i < dims; i++) checkEdges(mode, x, x.ndim - 1 - i, padding[2 * i], padding[2 * i + 1]);
  let y = x;
  for (let i = 0; i < dims; i++) {
    const dim = x.ndim - 1 - i;
    const [before, after] = [padding[2 * i], padding[2 * i + 1]];
    if (before === 0 && after === 0) continue;
    y = y.indexSelect(dim, x.newInt32(Int32Array.from(sourcePlaces(mode, x.shape[dim], before, after))));
  }
  return y;
}
