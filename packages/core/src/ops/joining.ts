import { dispatchOne } from '../dispatch.ts';
import { promoteTypes, type DType } from '../dtype.ts';
import { ArgumentError, ShapeError, describe } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim, sameShape, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { narrow, reshape, unsqueeze } from './views.ts';

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

function checkTensors(op: string, tensors: unknown): asserts tensors is readonly Tensor[] {
  if (!Array.isArray(tensors) || tensors.length === 0 || !tensors.every((x) => x instanceof Tensor)) {
    throw new ArgumentError({ op, expected: 'a non-empty array of tensors', received: describe(tensors) });
  }
}

/**
 * Tensors one after the other along `dim`; all other sizes agree. A one-dimensional tensor without elements is skipped.
 * @throws ShapeError when another size differs.
 */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
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
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
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

/** Consecutive parts of `dim`: of a size (the last may be smaller), or of the listed sizes. They are views. */
export function split(x: Tensor, sizes: number | readonly number[], dim = 0): Tensor[] {
  const d = normalizeDim('split', dim, x.ndim);
  if (x.ndim === 0) throw new ShapeError({ op: 'split', expected: 'a tensor with at least one dimension', received: '[]' });
  const n = x.shape[d];
  let parts: number[];
  if (typeof sizes === 'number') {
    if (!Number.isInteger(sizes) || sizes < 0 || (sizes === 0 && n !== 0))
      throw new ArgumentError({ op: 'split', expected: 'a positive size', received: String(sizes) });
    parts = n === 0 ? [0] : Array.from({ length: Math.ceil(n / sizes) }, (_, i) => Math.min(sizes, n - i * sizes));
  } else {
    parts = [...sizes];
    if (parts.some((p) => !Number.isInteger(p) || p < 0) || parts.reduce((p, q) => p + q, 0) !== n) {
      throw new ShapeError({ op: 'split', expected: `sizes that sum to ${n}`, received: describe(sizes) });
    }
  }
  let start = 0;
  return parts.map((length) => narrow(x, d, (start += length) - length, length));
}

/** At most `chunks` consecutive parts of `dim`, of equal size but for the last. They are views. */
export function chunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  if (!Number.isInteger(chunks) || chunks < 1)
    throw new ArgumentError({ op: 'chunk', expected: 'a positive number of chunks', received: describe(chunks) });
  const d = normalizeDim('chunk', dim, x.ndim);
  if (x.ndim === 0) throw new ShapeError({ op: 'chunk', expected: 'a tensor with at least one dimension', received: '[]' });
  return x.shape[d] === 0 ? Array.from({ length: chunks }, () => x) : split(x, Math.ceil(x.shape[d] / chunks), d);
}

/** The slices of `dim`, without that dimension. */
export function unbind(x: Tensor, dim = 0): Tensor[] {
  const d = normalizeDim('unbind', dim, x.ndim);
  return Array.from({ length: x.size(d) }, (_, i) => x.select(d, i));
}

/** The tensor repeated along each dimension; new dimensions come first. */
export function repeat(x: Tensor, ...repeats: (number | readonly number[])[]): Tensor {
  const times = repeats.length === 1 && Array.isArray(repeats[0]) ? [...(repeats[0] as number[])] : (repeats as number[]);
  if (times.length < x.ndim || times.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError({ op: 'repeat', expected: `at least ${x.ndim} non-negative counts`, received: describe(times) });
  }
  const padded = [...times.slice(x.ndim).map(() => 1), ...x.shape];
  const paired = padded.flatMap((n) => [1, n]);
  const expanded = padded.flatMap((n, i) => [times[i], n]);
  return reshape(reshape(x, paired).expand(expanded), padded.map((n, i) => n * times[i])); // prettier-ignore
}

/** `repeat` that takes fewer counts than dimensions. */
export function tile(x: Tensor, ...dims: (number | readonly number[])[]): Tensor {
  const times = dims.length === 1 && Array.isArray(dims[0]) ? [...(dims[0] as number[])] : (dims as number[]);
  return repeat(x, [...new Array<number>(Math.max(0, x.ndim - times.length)).fill(1), ...times]);
}

/** A copy with the order of `dims` reversed. */
export function flip(x: Tensor, ...dims: (number | readonly number[])[]): Tensor {
  const list = (dims.length === 1 && Array.isArray(dims[0]) ? [...(dims[0] as number[])] : (dims as number[])).map((d) =>
    normalizeDim('flip', d, x.ndim),
  );
  if (new Set(list).size !== list.length) throw new ArgumentError({ op: 'flip', expected: 'each dim once', received: describe(dims) });
  if (x.ndim === 0) return x.clone();
  return dispatchOne(flipOp, [x], { dims: list });
}

/** Reads the listed dimensions from the end: a copy through negative strides. */
export const flipOp: Op<{ dims: readonly number[] }> = defineOp({
  name: 'flip',
  moves: true,
  infer: ([x]) => [x],
  kernel(k, [x], [out], { dims }) {
    const offset = x.count === 0 ? x.offset : dims.reduce((sum, d) => sum + (x.shape[d] - 1) * x.strides[d], x.offset);
    k.copy(
      {
        storage: x.storage,
        dtype: x.dtype,
        count: x.count,
        shape: x.shape,
        strides: x.strides.map((s, i) => (dims.includes(i) ? -s : s)),
        offset,
      },
      out,
    );
  },
  vjp: ({ cotangents: [g], attrs }) => [g && dispatchOne(flipOp, [g], attrs)],
});

/** Elements moved by `shifts` along `dims`, those that fall off one end coming in at the other. */
export function roll(x: Tensor, shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
  if (dims === undefined) return roll(reshape(x, -1), shifts, 0).reshape(x.shape);
  const [by, along] = [typeof shifts === 'number' ? [shifts] : shifts, typeof dims === 'number' ? [dims] : dims];
  if (by.length !== along.length)
    throw new ArgumentError({ op: 'roll', expected: 'as many shifts as dims', received: `${describe(shifts)} and ${describe(dims)}` });
  return along.reduce((y, dim, i) => {
    const d = normalizeDim('roll', dim, y.ndim);
    const n = y.shape[d] ?? 0;
    if (n === 0) return y;
    const start = ((-by[i] % n) + n) % n;
    return start === 0 ? y : cat([narrow(y, d, start, n - start), narrow(y, d, 0, start)], d);
  }, x);
}
