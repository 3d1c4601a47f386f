import { readCall, type Call } from '../call.ts';
import { checkInput, checkChoice } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import { isFloat } from '../dtype.ts';
import { ArgumentError, describe, DTypeError, ShapeError } from '../errors.ts';
import { defineOp, type Op, type Spec, type VjpContext } from '../op.ts';
import type { ScatterName } from '../seam.ts';
import { normalizeDim, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { TensorOrNumber } from './arithmetic.ts';
import { fullLike } from './creation.ts';
import { checkIndex, checkIndexShape, gather, type DimAttrs } from './gather.ts';
import { reshape } from './views.ts';

type Gradients = (context: VjpContext<DimAttrs>) => (Tensor | undefined)[];

/** g where the tensor was not overwritten goes to it, and g at the index to the source. */
const setOrAdd =
  (name: 'set' | 'add'): Gradients =>
  ({ needs, cotangents: [g], saved: [index], attrs: { dim } }) => {
    if (g === undefined) return [undefined, undefined, undefined];
    const base = name === 'add' ? g : dispatchOne(scatterOps.set, [g, index, g.newZeros(index.shape)], { dim });
    return [needs[0] ? base : undefined, undefined, needs[2] ? gather(g, dim, index) : undefined];
  };

/** Each factor gets g times the product of all others; a zero among the sources is left out of the product instead of divided out. */
const product: Gradients = ({ needs, cotangents: [g], saved: [index, x, source, out], attrs }) => {
  if (g === undefined) return [undefined, undefined, undefined];
  const { dim } = attrs;
  const at = (y: Tensor): Tensor => gather(y, dim, index);
  const zero = source.eq(0);
  const ownZero = x.eq(0);
  const onlyX = dispatchOne(scatterOps.prod, [ownZero.where(1, x).to(x.dtype), index, source], attrs);
  const zeros = dispatchOne(scatterOps.add, [g.newZeros(x.shape), index, zero.to(g.dtype)], attrs);
  const single = zero.logicalAnd(at(zeros).eq(1));
  const onlySource = dispatchOne(scatterOps.prod, [x, index, single.where(1, source).to(x.dtype)], attrs);
  const others = single.where(at(g.mul(onlySource)), at(g.mul(out)).div(zero.where(1, source)));
  return [needs[0] ? g.mul(onlyX).div(ownZero.where(1, x)) : undefined, undefined, needs[2] ? others : undefined];
};

/** All that equal the extreme share its gradient evenly. */
const extreme: Gradients = ({ needs, cotangents: [g], saved: [index, x, source, out], attrs }) => {
  if (g === undefined) return [undefined, undefined, undefined];
  const at = (y: Tensor): Tensor => gather(y, attrs.dim, index);
  const own = x.eq(out).to(g.dtype);
  const from = source.eq(at(out)).to(g.dtype);
  const share = g.div(dispatchOne(scatterOps.add, [own, index, from], attrs));
  return [needs[0] ? share.mul(own) : undefined, undefined, needs[2] ? at(share).mul(from) : undefined];
};

function defineScatter(name: ScatterName, vjp: Gradients): Op<DimAttrs> {
  const linear = name === 'set' || name === 'add';
  return defineOp<DimAttrs>({
    name: `scatter_${name}`,
    moves: name === 'set',
    infer: ([x]): Spec[] => [x],
    kernel(k, [x, index, src], [out], { dim }) {
      k.copy(x, out);
      k.scatter(name, out, dim, index, src);
    },
    save: ([x, index, source], [out]) => (linear ? [index] : [index, x, source, out]),
    vjp,
  });
}
export const scatterOps: Record<ScatterName, Op<DimAttrs>> = {
  set: defineScatter('set', setOrAdd('set')),
  add: defineScatter('add', setOrAdd('add')),
  prod: defineScatter('prod', product),
  max: defineScatter('max', extreme),
  min: defineScatter('min', extreme),
};

/** What a scatter works on, after its arguments were checked: at least one dimension, and a source of the shape of the index. */
interface Prepared {
  readonly x: Tensor;
  readonly dim: number;
  readonly index: Tensor;
  readonly source: Tensor;
}

function prepare(op: string, x: Tensor, dim: number, index: unknown, src: unknown): Prepared {
  checkInput(op, x);
  checkIndex(op, index);
  if (!(src instanceof Tensor) && typeof src !== 'number' && typeof src !== 'boolean')
    throw new ArgumentError({ op, expected: 'a tensor or a number as src', received: describe(src) });
  const d = normalizeDim(op, dim, x.ndim);
  const source = src instanceof Tensor ? src : fullLike(index, Number(src), { dtype: x.dtype });
  if (source.dtype !== x.dtype) throw new DTypeError({ op, expected: `a source of the tensor's dtype ${x.dtype}`, received: source.dtype });
  if (x.ndim === 0) return prepare(op, reshape(x, 1), 0, reshape(index, -1), reshape(source, -1));
  if (index.ndim === 0) return prepare(op, x, dim, reshape(index, 1), reshape(source, -1));
  checkIndexShape(op, x, index, d);
  if (source.ndim !== index.ndim || index.shape.some((n, i) => n > source.shape[i])) {
    throw new ShapeError({
      op,
      expected: 'a source of as many dimensions as the index, and not smaller',
      received: `${showShape(source.shape)} for an index ${showShape(index.shape)}`,
    });
  }
  const trimmed = index.shape.reduce((s, n, i) => (s.shape[i] === n ? s : s.narrow(i, 0, n)), source);
  return { x, dim: d, index, source: trimmed };
}

function scatterWith(op: string, name: ScatterName, x: Tensor, dim: number, index: Tensor, src: TensorOrNumber): Tensor {
  const ready = prepare(op, x, dim, index, src);
  if (ready.index.count === 0) return x.clone();
  return reshape(dispatchOne(scatterOps[name], [ready.x, ready.index, ready.source], { dim: ready.dim }), x.shape);
}

const scatterModes = { add: 'add', multiply: 'prod' } as const;

/** Arguments of `scatter`. A number may also be called `value`. */
export interface ScatterOptions {
  /** The dimension that `index` counts along. */
  dim: number;
  /** The place along `dim` that each element goes to: integers, with as many dimensions as the tensor. */
  index: Tensor;
  /** What is written: a number, or a tensor that is at least as large as `index` in each dimension. */
  src: TensorOrNumber;
  /** Adds or multiplies instead of replacing. */
  reduce?: 'add' | 'multiply' | null;
}

/** A copy of x with `x[index[i][j]][j] = src[i][j]` for dim 0, and so on. `reduce` adds or multiplies instead. */
export function scatter(x: Tensor, ...args: Call<ScatterOptions, ['dim', 'index', 'src']>): Tensor {
  const op = 'scatter';
  const all = readCall<ScatterOptions & { value?: number }>(op, args, ['dim', 'index', 'src'], ['value', 'reduce']);
  const mode =
    all.reduce === undefined || all.reduce === null ? 'set' : scatterModes[checkChoice(op, 'reduce', all.reduce, ['add', 'multiply'])];
  return scatterWith(op, mode, x, all.dim, all.index, all.value ?? all.src);
}

/** A copy of x with `x[index[i][j]][j] += src[i][j]` for dim 0, and so on. */
export function scatterAdd(
  x: Tensor,
  ...args: Call<Omit<ScatterOptions, 'reduce' | 'src'> & { src: Tensor }, ['dim', 'index', 'src']>
): Tensor {
  const { dim, index, src } = readCall<ScatterOptions>('scatterAdd', args, ['dim', 'index', 'src']);
  return scatterWith('scatterAdd', 'add', x, dim, index, src);
}

/** How `scatterReduce` and `indexReduce` combine what falls on one place. */
export type ScatterReduction = 'sum' | 'prod' | 'mean' | 'amax' | 'amin';
const reductions: readonly ScatterReduction[] = ['sum', 'prod', 'mean', 'amax', 'amin'];

/** What a reduction starts from, where the tensor's own values are not included. */
function neutral(reduction: ScatterReduction): number {
  if (reduction === 'sum' || reduction === 'mean') return 0;
  if (reduction === 'prod') return 1;
  return reduction === 'amax' ? -Infinity : Infinity;
}

/** Combines sources into a copy of x; index and source have one shape and at least one dimension. */
export function reduceInto(
  x: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  reduction: ScatterReduction,
  includeSelf: boolean,
): Tensor {
  checkInput('reduceInto', x);
  const attrs = { dim };
  const fillAt = (target: Tensor, value: number): Tensor =>
    dispatchOne(scatterOps.set, [target, index, target.newFull(index.shape, value)], attrs);
  let base = x;
  // Of integers any source will do for an extreme, since no number lies beyond the largest int64.
  if (!includeSelf && !isFloat(x.dtype) && reduction.startsWith('am')) base = dispatchOne(scatterOps.set, [x, index, source], attrs);
  else if (!includeSelf) base = fillAt(x, neutral(reduction));
  if (reduction === 'prod') return dispatchOne(scatterOps.prod, [base, index, source], attrs);
  if (reduction === 'amax') return dispatchOne(scatterOps.max, [base, index, source], attrs);
  if (reduction === 'amin') return dispatchOne(scatterOps.min, [base, index, source], attrs);
  const total = dispatchOne(scatterOps.add, [base, index, source], attrs);
  if (reduction === 'sum') return total;
  const ones = x.newOnes(x.shape);
  const counted = dispatchOne(scatterOps.add, [includeSelf ? ones : fillAt(ones, 0), index, x.newOnes(index.shape)], attrs);
  return isFloat(x.dtype) ? total.div(counted) : total.div(counted, { roundingMode: 'floor' });
}

/** @throws ArgumentError unless the reduction is known */
export const checkReduction = (op: string, reduction: unknown, choices: readonly ScatterReduction[] = reductions): ScatterReduction =>
  checkChoice(op, 'reduce', reduction, choices);

/** Arguments of `scatterReduce`. */
export interface ScatterReduceOptions {
  /** The dimension that `index` counts along. */
  dim: number;
  /** The place along `dim` that each element goes to: integers, with as many dimensions as the tensor. */
  index: Tensor;
  /** What is reduced in: at least as large as `index` in each dimension. */
  src: Tensor;
  /** How values that meet in one place become one. */
  reduce: ScatterReduction;
  /** False leaves the tensor's own values out of the reduction, where something falls on them. */
  includeSelf?: boolean;
}

/** A copy of x in which `src[i][j]` is combined into `x[index[i][j]][j]` for dim 0, and so on: sum, product, mean, maximum or minimum. */
export function scatterReduce(x: Tensor, ...args: Call<ScatterReduceOptions, ['dim', 'index', 'src', 'reduce']>): Tensor {
  const op = 'scatterReduce';
  const { dim, index, src, reduce, includeSelf = true } = readCall<ScatterReduceOptions>(op, args, ['dim', 'index', 'src', 'reduce'], ['includeSelf']); // prettier-ignore
  checkReduction(op, reduce);
  const ready = prepare(op, x, dim, index, src);
  if (ready.index.count === 0) return x.clone();
  return reshape(reduceInto(ready.x, ready.dim, ready.index, ready.source, reduce, includeSelf), x.shape);
}
