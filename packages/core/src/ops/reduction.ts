import { dispatchOne } from '../dispatch.ts';
import { bytesOf, isFloat, type DType } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, describe } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { contiguousStrides } from '../layout.ts';
import type { Operand, ReduceName } from '../seam.ts';
import { normalizeDim, normalizeDims, reducedShape, showShape, type Shape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { checkInput, checkTensor } from '../checks.ts';
import { readCall } from '../call.ts';
import { cast } from './cast.ts';
import { expandTo, reshape } from './views.ts';

/** Dimensions to reduce; all of them when missing. */
export type Dims = number | readonly number[] | null;

/** Options of reductions. Everything that may be given positionally may be given here. */
export interface ReduceOptions {
  /** The dimension or dimensions to reduce; all of them by default. */
  dim?: Dims;
  /** Keeps the reduced dimensions with size 1. */
  keepdim?: boolean;
  /** Casts before reducing. */
  dtype?: DType;
}

interface ReduceAttrs {
  readonly dims: readonly number[];
  /** False where the output is without the reduced dimensions; they have size 1 otherwise. */
  readonly keepdim?: boolean;
}

/** What follows `dim` in a reduction: `keepdim` as PyTorch has it second, or the options. */
export type Keepdim = boolean | ReduceOptions;

const everything: ReduceOptions = { dim: null, keepdim: false };

/** Separates `f(dim, keepdim, options)`, `f(dim, options)` and `f(options)`. */
export function reduceArguments(op: string, dim?: Dims | ReduceOptions, keepdim?: Keepdim, more?: ReduceOptions): ReduceOptions {
  if (dim === undefined && keepdim === undefined && more === undefined) return everything;
  if (typeof dim === 'object' && dim !== null && !Array.isArray(dim)) return checkOptions(op, dim as ReduceOptions);
  const options = typeof keepdim === 'object' ? keepdim : more;
  if (options !== undefined && options !== null) checkOptions(op, options);
  return { ...options, dim: (dim as Dims | undefined) ?? options?.dim ?? null, keepdim: keepdim === true || (options?.keepdim ?? false) };
}

function checkOptions(op: string, options: ReduceOptions): ReduceOptions {
  for (const name of Object.keys(options)) {
    if (name !== 'dim' && name !== 'keepdim' && name !== 'dtype')
      throw new ArgumentError({ op, expected: 'options among dim, keepdim and dtype', received: describe(name) });
  }
  return options;
}

function defineReduce(name: ReduceName, definition: Pick<Parameters<typeof defineOp<ReduceAttrs>>[0], 'save' | 'vjp'>): Op<ReduceAttrs> {
  return defineOp<ReduceAttrs>({
    name: name === 'max' || name === 'min' ? `a${name}` : name,
    infer: (inputs, { dims, keepdim }) => [{ shape: reducedShape(inputs[0].shape, dims, keepdim !== false), dtype: inputs[0].dtype }],
    kernel(k, inputs, outputs, { dims, keepdim }) {
      const x = inputs[0];
      k.reduce(name, x, keepdim === false ? withDims(outputs[0], x.shape, dims) : outputs[0], dims);
    },
    ...definition,
  });
}

/** A contiguous result without the reduced dimensions as kernels see it: with size 1 in their place. */
function withDims(out: Tensor, from: Shape, dims: readonly number[]): Operand {
  const shape = reducedShape(from, dims, true);
  return { storage: out.storage, dtype: out.dtype, count: out.count, offset: out.offset, shape, strides: contiguousStrides(shape) };
}

function reduce(op: Op<ReduceAttrs>, x: Tensor, { dim, keepdim = false }: ReduceOptions): Tensor {
  const dims = normalizeDims(op.name, dim, x.ndim);
  const out = dispatchOne(op, [x], { dims });
  return keepdim || dims.length === 0 ? out : reshape(out, reducedShape(x.shape, dims, false));
}

/** Sums of bools and of integers up to 32 bits are int32; uint32, int64 and floats stay. */
export const sumDType = (dtype: DType): DType => (isFloat(dtype) || dtype === 'int64' || dtype === 'uint32' ? dtype : 'int32');

export const sumOp: Op<ReduceAttrs> = defineReduce('sum', {
  vjp({ cotangents: [g], inputs: [x], attrs: { dims, keepdim } }) {
    if (g === undefined) return [undefined];
    return [expandTo(keepdim === false ? reshape(g, reducedShape(x.shape, dims, true)) : g, x.shape)];
  },
});

/** The sum over sorted dims, in one op also where they go. */
const sumOver = (x: Tensor, dims: readonly number[], keepdim: boolean): Tensor =>
  dispatchOne(sumOp, [x], { dims, keepdim: keepdim || dims.length === 0 });

/** The sum over `dim`, or over everything. Bools and signed or small integers give int32, uint32 wraps around as itself. */
export function sum(x: Tensor, dim?: Dims | ReduceOptions, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('sum', x);
  const all = reduceArguments('sum', dim, keepdim, options);
  const dims = normalizeDims('sum', all.dim, x.ndim);
  return sumOver(cast(x, all.dtype ?? sumDType(x.dtype)), dims, all.keepdim ?? false);
}

/** The mean over `dim`, or over everything. @throws DTypeError for integers without a float `dtype`. */
export function mean(x: Tensor, dim?: Dims | ReduceOptions, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('mean', x);
  const all = reduceArguments('mean', dim, keepdim, options);
  const y = all.dtype ? cast(x, all.dtype) : x;
  // A sum of 16-bit floats could leave their range before it is divided.
  if (bytesOf(y.dtype) === 2 && isFloat(y.dtype)) return cast(mean(y, { ...all, dtype: 'float32' }), y.dtype);
  if (!isFloat(y.dtype)) throw new DTypeError({ op: 'mean', expected: 'floats', received: y.dtype, hint: "Cast first: x.to('float32')." });
  const dims = normalizeDims('mean', all.dim, y.ndim);
  const n = dims.reduce((product, d) => product * y.shape[d], 1);
  return sumOver(y, dims, all.keepdim ?? false).div(n);
}

export const prodOp: Op<ReduceAttrs> = defineReduce('prod', {
  save: (inputs) => inputs,
  // The product of all others is that of those before times that of those after, which is right with zeros and differentiable again.
  vjp({ cotangents: [g], saved: [x], attrs: { dims } }) {
    if (g === undefined) return [undefined];
    const kept = x.shape.map((_, i) => i).filter((i) => !dims.includes(i));
    const order = [...kept, ...dims];
    const n = dims.reduce((product, d) => product * x.shape[d], 1);
    const flat = reshape(x.permute(order), [...kept.map((i) => x.shape[i]), n]);
    const ones = flat.narrow(-1, 0, Math.min(1, n)).mul(0).add(1);
    const before = n === 0 ? flat : ones.cat([flat.narrow(-1, 0, n - 1)], -1).cumprod(-1);
    const after =
      n === 0
        ? flat
        : ones
            .cat([flat.flip(-1).narrow(-1, 0, n - 1)], -1)
            .cumprod(-1)
            .flip(-1);
    const others = reshape(
      before.mul(after),
      order.map((i) => x.shape[i]),
    );
    const inverse = order.map((_, i) => order.indexOf(i));
    return [g.mul(others.permute(inverse))];
  },
});

/** The product over `dim`, or over everything. */
export function prod(x: Tensor, dim?: number | ReduceOptions | null, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('prod', x);
  const all = reduceArguments('prod', dim, keepdim, options);
  return reduce(prodOp, cast(x, all.dtype ?? sumDType(x.dtype)), all);
}

// Equal extremes share the gradient evenly.
const extreme: Pick<Parameters<typeof defineOp<ReduceAttrs>>[0], 'save' | 'vjp'> = {
  save: ([x], [out]) => [x, out],
  vjp({ cotangents: [g], saved: [x, out], attrs: { dims } }) {
    if (g === undefined) return [undefined];
    const hit = x.eq(out).logicalOr(x.isnan().logicalAnd(out.isnan())).to(g.dtype);
    return [g.div(hit.sum(dims.length === 0 ? null : [...dims], { keepdim: true })).mul(hit)];
  },
};
export const amaxOp: Op<ReduceAttrs> = defineReduce('max', extreme);
export const aminOp: Op<ReduceAttrs> = defineReduce('min', extreme);

function checkNotEmpty(op: string, x: Tensor, dims: readonly number[]): void {
  if (dims.some((d) => x.shape[d] === 0)) {
    throw new ShapeError({
      op,
      expected: 'at least one element along the reduced dims',
      received: showShape(x.shape),
      hint: 'An empty tensor has no extreme.',
    });
  }
}

/** The maximum over `dim`; equal maxima share the gradient. @throws ShapeError when there are no elements. */
export function amax(x: Tensor, dim?: Dims | ReduceOptions, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('amax', x);
  const all = reduceArguments('amax', dim, keepdim, options);
  checkNotEmpty('amax', x, normalizeDims('amax', all.dim, x.ndim));
  return reduce(amaxOp, x, all);
}

/** The minimum over `dim`; equal minima share the gradient. @throws ShapeError when there are no elements. */
export function amin(x: Tensor, dim?: Dims | ReduceOptions, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('amin', x);
  const all = reduceArguments('amin', dim, keepdim, options);
  checkNotEmpty('amin', x, normalizeDims('amin', all.dim, x.ndim));
  return reduce(aminOp, x, all);
}

interface ArgReduceAttrs {
  readonly dim: number;
}
const defineArgReduce = (name: 'max' | 'min'): Op<ArgReduceAttrs> =>
  defineOp<ArgReduceAttrs>({
    name: `arg${name}`,
    infer: ([x], { dim }) => [{ shape: reducedShape(x.shape, [dim], true), dtype: 'int32' }],
    kernel: (k, [x], [out], { dim }) => k.argReduce(name, x, out, dim),
  });
export const argmaxOp: Op<ArgReduceAttrs> = defineArgReduce('max');
export const argminOp: Op<ArgReduceAttrs> = defineArgReduce('min');

function argReduce(op: Op<ArgReduceAttrs>, x: Tensor, dim: number | null | undefined, keepdim: boolean): Tensor {
  if (dim === undefined || dim === null) {
    if (x.count === 0) checkNotEmpty(op.name, x.reshape(-1), [0]);
    const flat = dispatchOne(op, [reshape(x, -1)], { dim: 0 });
    return reshape(flat, keepdim ? x.shape.map(() => 1) : []);
  }
  const d = normalizeDim(op.name, dim, x.ndim);
  if (x.ndim === 0) return reshape(dispatchOne(op, [reshape(x, 1)], { dim: 0 }), []);
  checkNotEmpty(op.name, x, [d]);
  const out = dispatchOne(op, [x], { dim: d });
  return keepdim ? out : out.squeeze(d);
}

/** The index of the first maximum along `dim`, or in the flattened tensor. */
export function argmax(x: Tensor, dim?: number | ReduceOptions | null, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('argmax', x);
  const all = reduceArguments('argmax', dim, keepdim, options);
  return argReduce(argmaxOp, x, all.dim as number | null, all.keepdim ?? false);
}

/** The index of the first minimum along `dim`, or in the flattened tensor. */
export function argmin(x: Tensor, dim?: number | ReduceOptions | null, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('argmin', x);
  const all = reduceArguments('argmin', dim, keepdim, options);
  return argReduce(argminOp, x, all.dim as number | null, all.keepdim ?? false);
}

/** Values with the indices they were found at; also a pair. */
export type ValuesAndIndices = [values: Tensor, indices: Tensor] & { readonly values: Tensor; readonly indices: Tensor };

/** Makes the named tuple that ops with values and indices return. */
export const valuesAndIndices = (values: Tensor, indices: Tensor): ValuesAndIndices =>
  Object.assign([values, indices] as [Tensor, Tensor], { values, indices });

function extremeAlong(name: 'max' | 'min', x: Tensor, dim: number, keepdim: boolean): ValuesAndIndices {
  const indices = argReduce(name === 'max' ? argmaxOp : argminOp, x, dim, true);
  const values = x.ndim === 0 ? x : x.gather(dim, indices);
  if (keepdim || x.ndim === 0) return valuesAndIndices(values, indices);
  return valuesAndIndices(values.squeeze(dim), indices.squeeze(dim));
}

/** `dim` and `keepdim` of `max` and `min`. */
export interface ExtremeOptions {
  /** The dimension to reduce; the result has indices as well. */
  dim?: number;
  /** Keeps the reduced dimension with size 1; false by default. */
  keepdim?: boolean;
}

/** The maximum of everything; with a tensor, `maximum`; with `dim`, values and the indices of the first of them. */
export function max(x: Tensor): Tensor;
export function max(x: Tensor, other: Tensor): Tensor;
export function max(
  x: Tensor,
  dim: number | (ExtremeOptions & { dim: number }),
  keepdim?: boolean | { keepdim?: boolean },
): ValuesAndIndices;
export function max(x: Tensor, dim?: number | Tensor | ExtremeOptions, keepdim?: boolean | ExtremeOptions): Tensor | ValuesAndIndices {
  return extremeOf('max', x, dim, keepdim);
}

/** The minimum of everything; with a tensor, `minimum`; with `dim`, values and the indices of the first of them. */
export function min(x: Tensor): Tensor;
export function min(x: Tensor, other: Tensor): Tensor;
export function min(
  x: Tensor,
  dim: number | (ExtremeOptions & { dim: number }),
  keepdim?: boolean | { keepdim?: boolean },
): ValuesAndIndices;
export function min(x: Tensor, dim?: number | Tensor | ExtremeOptions, keepdim?: boolean | ExtremeOptions): Tensor | ValuesAndIndices {
  return extremeOf('min', x, dim, keepdim);
}

function extremeOf(
  name: 'max' | 'min',
  x: Tensor,
  dim: number | Tensor | ExtremeOptions | undefined,
  keepdim: boolean | ExtremeOptions | undefined,
): Tensor | ValuesAndIndices {
  checkTensor(name, 'the input', x);
  if (dim === undefined && keepdim === undefined) return name === 'max' ? amax(x) : amin(x);
  if (dim instanceof Tensor) return name === 'max' ? x.maximum(dim) : x.minimum(dim);
  const all = readCall<ExtremeOptions & { other?: Tensor }>(name, [dim, keepdim], ['dim', 'keepdim'], ['other']);
  if (all.other !== undefined) return name === 'max' ? x.maximum(all.other) : x.minimum(all.other);
  if (typeof all.dim !== 'number') throw new ArgumentError({ op: name, expected: 'a dim or a tensor', received: describe(dim) });
  return extremeAlong(name, x, all.dim, all.keepdim ?? false);
}

export const anyOp: Op<ReduceAttrs> = defineReduce('any', {});
/** True where any element along `dim` is not zero; of uint8 it is a uint8, 1 or 0. */
export function any(x: Tensor, dim?: Dims | ReduceOptions, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('any', x);
  const out = reduce(anyOp, cast(x, 'bool'), reduceArguments('any', dim, keepdim, options));
  return x.dtype === 'uint8' ? cast(out, 'uint8') : out;
}

export const allOp: Op<ReduceAttrs> = defineReduce('all', {});
/** True where all elements along `dim` are not zero; of uint8 it is a uint8, 1 or 0. */
export function all(x: Tensor, dim?: Dims | ReduceOptions, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('all', x);
  const out = reduce(allOp, cast(x, 'bool'), reduceArguments('all', dim, keepdim, options));
  return x.dtype === 'uint8' ? cast(out, 'uint8') : out;
}
