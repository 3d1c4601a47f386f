import { checkInput, checkTensor } from '../checks.ts';
import { dispatch, evaluateInto } from '../dispatch.ts';
import { dtypes, isFloat, type DType } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, describe } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { broadcastShapes, sameShape, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { checkWritable, expandTo } from './views.ts';

/** The one primitive that changes a tensor: the content of inputs[0] becomes that of inputs[1]. Every in-place method goes through it. */
export const assignOp: Op = defineOp<unknown>({
  name: 'assign',
  mutates: [0],
  moves: true,
  infer: () => [],
  kernel: (k, [target, value]) => k.copy(value, target),
});

const kindRank = (dtype: DType): number => (dtype === 'bool' ? 0 : dtypes[dtype].kind === 'integer' ? 1 : 2);

/** Writes `value`, which broadcasts and casts, over `target`. @returns target */
export function assign(op: string, target: Tensor, value: Tensor): Tensor {
  if (kindRank(value.dtype) > kindRank(target.dtype) && op !== 'copy_') {
    throw new DTypeError({
      op,
      expected: `a result that the tensor's dtype ${target.dtype} can hold`,
      received: value.dtype,
      hint: 'Cast the tensor first, or use the form that returns a new tensor.',
    });
  }
  if (!sameShape(broadcastShapes(op, target.shape, value.shape), target.shape)) {
    throw new ShapeError({ op, expected: `a result of the tensor's shape ${showShape(target.shape)}`, received: showShape(value.shape) });
  }
  checkWritable(op, target);
  // A value that lies in the target's own storage would be overwritten while it is read.
  const apart = value.storage === target.storage && value !== target ? value.clone() : value;
  dispatch(assignOp, [target, expandTo(cast(apart, target.dtype), target.shape)], undefined);
  return target;
}

/** Set by a layer that must see pointwise results before they overwrite a tensor; without one they are written directly. */
export interface InPlaceGate {
  /** True when nothing needs to be recorded for changing these tensors. */
  readonly unrecorded: (inputs: readonly Tensor[]) => boolean;
  /** Runs `compute`, whose result will be written over `target`: what it records of the target has to be a copy. */
  readonly changing: (target: Tensor, compute: () => Tensor) => Tensor;
}
let gate: InPlaceGate | undefined;
/** Installs the gate of the autograd layer. */
export function setInPlaceGate(next: InPlaceGate): void {
  gate = next;
}

/** True when a change of one of these tensors has to be recorded. */
export const isRecorded = (inputs: readonly Tensor[]): boolean => gate !== undefined && !gate.unrecorded(inputs);

/** Writes a function of `target` over it. @returns target */
export const assignComputed = (name: string, target: Tensor, compute: () => Tensor): Tensor =>
  assign(name, target, gate === undefined ? compute() : gate.changing(target, compute));

/** Changes `target` by a pointwise op: directly where nothing is recorded, else by computing and assigning. */
function update(name: string, op: Op<never>, target: Tensor, other: Tensor | number | undefined, compute: () => Tensor): Tensor {
  checkInput(name, target);
  // Integers go the long way, on which a float result is refused.
  const direct =
    isFloat(target.dtype) &&
    (other === undefined ||
      typeof other === 'number' ||
      (other.dtype === target.dtype && other.device === target.device && canExpand(other, target)));
  if (direct && (gate === undefined || gate.unrecorded(other instanceof Tensor ? [target, other] : [target]))) {
    checkWritable(name, target);
    const inputs = other instanceof Tensor ? [target, expandTo(other, target.shape)] : [target];
    const attrs = typeof other === 'number' ? { scalar: 'right' } : { scalar: 'none' };
    if (evaluateInto(op as Op, target, inputs, attrs, typeof other === 'number' ? [other] : [])) return target;
  }
  return assignComputed(name, target, compute);
}
function canExpand(x: Tensor, target: Tensor): boolean {
  const lead = target.ndim - x.ndim;
  return lead >= 0 && x.shape.every((n, i) => n === 1 || n === target.shape[lead + i]);
}

const checkOther = (name: string, other: Tensor | number): Tensor | number =>
  typeof other === 'number' || typeof other === 'boolean' ? other : checkTensor(name, 'the other operand', other);

/** Makes `x.f_(other)` of a binary function. */
export const inPlaceBinary =
  (name: string, op: Op<never>, compute: (x: Tensor, other: Tensor | number) => Tensor) =>
  (x: Tensor, other: Tensor | number): Tensor =>
    update(name, op, x, checkOther(name, other), () => compute(x, other));

/** Makes `x.f_()` of a unary function. */
export const inPlaceUnary =
  (name: string, op: Op<never>, compute: (x: Tensor) => Tensor) =>
  (x: Tensor): Tensor =>
    update(name, op, x, undefined, () => compute(x));

/** Copies the values of another tensor, which broadcasts and casts, into this one. */
export function copy_(x: Tensor, source: Tensor): Tensor {
  if (!(source instanceof Tensor)) throw new ArgumentError({ op: 'copy_', expected: 'a tensor', received: describe(source) });
  return assign('copy_', x, source.to(x.device));
}

/** Sets every element to `value`. */
export function fill_(x: Tensor, value: number | Tensor): Tensor {
  checkInput('fill_', x);
  return assign('copy_', x, value instanceof Tensor ? value : x.newFull([], value));
}

/** Sets every element to 0. */
export const zero_ = (x: Tensor): Tensor => fill_(x, 0);
