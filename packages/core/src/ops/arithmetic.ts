import { readOptions } from '../call.ts';
import { checkNumber, checkTensor } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import { dtypes, isFloat, type DType } from '../dtype.ts';
import { ArgumentError, DTypeError, ValueError, describe } from '../errors.ts';
import { defineOp, type Op, type Spec, type VjpContext } from '../op.ts';
import type { BinaryName } from '../seam.ts';
import { broadcastShapes, sameShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { cast, resultType } from './cast.ts';
import { expandTo } from './views.ts';

/** A tensor, or a JavaScript number, which is a weak scalar: it takes the dtype of the tensor that it meets. */
export type TensorOrNumber = Tensor | number;

/** Which operand of a binary op is a number; it is then `scalars[0]`. */
export interface BinaryAttrs {
  readonly scalar: 'none' | 'left' | 'right';
}
const tensorTensor: BinaryAttrs = { scalar: 'none' };
const scalarLeft: BinaryAttrs = { scalar: 'left' };
const scalarRight: BinaryAttrs = { scalar: 'right' };

type Operands = 'a' | 'b' | 'out';
type Gradient = (g: Tensor, a: TensorOrNumber, b: TensorOrNumber, out: Tensor) => Tensor;

/** The gradients with respect to the left and the right operand, and what each of them reads. */
interface BinaryRule {
  readonly leftUses: readonly Operands[];
  readonly left: Gradient;
  readonly rightUses: readonly Operands[];
  readonly right: Gradient;
}

/** Defines an elementwise op of two operands of one shape and dtype, one of which may be a number. */
export function defineBinary(name: BinaryName, options: { result?: DType; rule?: BinaryRule; constant?: boolean }): Op<BinaryAttrs> {
  const { rule, result } = options;
  return defineOp<BinaryAttrs>({
    name,
    pointwise: true,
    constant: options.constant ?? false,
    infer: (inputs): Spec[] => [result === undefined ? inputs[0] : { shape: inputs[0].shape, dtype: result }],
    // Read by index, as in everything that runs at each call of a small op: taking arrays apart goes through their iterators.
    kernel(k, inputs, outputs, { scalar }, scalars) {
      const out = outputs[0];
      if (scalar === 'none') k.binary(name, inputs[0], inputs[1], out);
      else if (scalar === 'right') k.binary(name, inputs[0], scalars[0], out);
      else k.binary(name, scalars[0], inputs[0], out);
    },
    ...(rule && derivative(rule)),
  });
}

/** What the derivative saves and computes. Which operands it reads is found out once, for recording a small op takes little longer than that. */
function derivative(rule: BinaryRule): Pick<Parameters<typeof defineOp<BinaryAttrs>>[0], 'save' | 'vjp'> {
  const used = { none: usedOperands(rule, 'none'), left: usedOperands(rule, 'left'), right: usedOperands(rule, 'right') };
  return {
    save: (inputs, outputs, { scalar }) => saveOperands(used[scalar], inputs, outputs[0]),
    vjp: (context) => binaryVjp(rule, used[context.attrs.scalar], context),
  };
}

/** The operands that the derivative reads: a number is among the scalars, and its side needs no gradient. */
function usedOperands(rule: BinaryRule, scalar: BinaryAttrs['scalar']): ReadonlySet<Operands> {
  const used = new Set<Operands>([...(scalar === 'left' ? [] : rule.leftUses), ...(scalar === 'right' ? [] : rule.rightUses)]);
  if (scalar === 'left') used.delete('a');
  if (scalar === 'right') used.delete('b');
  return used;
}

const nothing: readonly Tensor[] = [];

function saveOperands(used: ReadonlySet<Operands>, inputs: readonly Tensor[], out: Tensor): readonly Tensor[] {
  if (used.size === 0) return nothing;
  const saved: Tensor[] = [];
  if (used.has('a')) saved.push(inputs[0]);
  if (used.has('b')) saved.push(inputs[inputs.length - 1]);
  if (used.has('out')) saved.push(out);
  return saved;
}

function binaryVjp(
  rule: BinaryRule,
  used: ReadonlySet<Operands>,
  { needs, cotangents: [g], saved, attrs: { scalar }, scalars }: VjpContext<BinaryAttrs>,
): (Tensor | undefined)[] {
  if (g === undefined) return [undefined, undefined];
  let next = 0;
  // Operands that no rule reads stay g, which is as good as any.
  const a = scalar === 'left' ? scalars[0] : used.has('a') ? saved[next++] : g;
  const b = scalar === 'right' ? scalars[0] : used.has('b') ? saved[next++] : g;
  const out = used.has('out') ? saved[next] : g;
  if (scalar === 'left') return [rule.right(g, a, b, out)];
  const left = needs[0] ? rule.left(g, a, b, out) : undefined;
  return scalar === 'right' ? [left] : [left, needs[1] ? rule.right(g, a, b, out) : undefined];
}

function checkOperand(op: string, value: unknown): asserts value is TensorOrNumber {
  if (!(value instanceof Tensor) && typeof value !== 'number' && typeof value !== 'boolean') {
    throw new ArgumentError({
      op,
      expected: 'a tensor or a number',
      received: describe(value),
      hint: 'Make a tensor of it with tensor(value).',
    });
  }
}

/** What gives the same bits whether an integer below zero wraps around first, and what compares it as it is. */
const takesEveryNumber: ReadonlySet<string> = new Set<BinaryName>([
  'add', 'sub', 'mul', 'bitwiseAnd', 'bitwiseOr', 'bitwiseXor', 'logicalAnd', 'logicalOr', 'logicalXor', 'eq', 'ne', 'lt', 'le', 'gt', 'ge',
]); // prettier-ignore

/** @throws ValueError for a number beside uint32 that is none of its own, where the result would hang on how it wraps around */
function checkUnsigned(op: string, value: number): void {
  const { min, max } = dtypes.uint32;
  if ((value < min || value > max) && !takesEveryNumber.has(op))
    throw new ValueError({ op, expected: `a number from ${min} to ${max} beside uint32`, received: String(value), hint: "Cast the tensor first: x.to('int64')." }); // prettier-ignore
}

/** Promotes, broadcasts and runs a binary op. `float` casts integers to float32 first. */
export function binary(op: Op<BinaryAttrs>, a: TensorOrNumber, b: TensorOrNumber, float = false): Tensor {
  if (typeof b === 'number' && a instanceof Tensor) {
    const dtype = resultType(a, b);
    if (dtype === 'uint32' && !float) checkUnsigned(op.name, b);
    return dispatchOne(op, [cast(a, float && !isFloat(dtype) ? 'float32' : dtype)], scalarRight, [b]);
  }
  checkOperand(op.name, a);
  checkOperand(op.name, b);
  if (!(a instanceof Tensor)) {
    if (!(b instanceof Tensor))
      throw new ArgumentError({
        op: op.name,
        expected: 'at least one tensor',
        received: 'two numbers',
        hint: 'Use JavaScript arithmetic.',
      });
    const dtype = resultType(a, b);
    if (dtype === 'uint32' && !float) checkUnsigned(op.name, Number(a));
    return dispatchOne(op, [cast(b, float && !isFloat(dtype) ? 'float32' : dtype)], scalarLeft, [Number(a)]);
  }
  if (!(b instanceof Tensor)) return dispatchOne(op, [cast(a, float && !isFloat(a.dtype) ? 'float32' : a.dtype)], scalarRight, [Number(b)]);
  let dtype = a.dtype === b.dtype ? a.dtype : resultType(a, b);
  if (float && !isFloat(dtype)) dtype = 'float32';
  const shape = a.shape === b.shape || sameShape(a.shape, b.shape) ? undefined : broadcastShapes(op.name, a.shape, b.shape);
  const left = a.dtype === dtype ? a : cast(a, dtype);
  const right = b.dtype === dtype ? b : cast(b, dtype);
  if (shape === undefined) return dispatchOne(op, [left, right], tensorTensor);
  return dispatchOne(op, [expandTo(left, shape), expandTo(right, shape)], tensorTensor);
}

const refuseBool = (op: string, a: TensorOrNumber, b: TensorOrNumber): void => {
  if (a instanceof Tensor && b instanceof Tensor && a.dtype === 'bool' && b.dtype === 'bool') {
    throw new DTypeError({ op, expected: 'numbers', received: 'two bool tensors', hint: 'Use logicalXor, or cast one to int32.' });
  }
};

export const addOp: Op<BinaryAttrs> = defineBinary('add', { rule: { leftUses: [], left: (g) => g, rightUses: [], right: (g) => g } });

/** `a + alpha·b`, element by element, with broadcasting. */
export function add(a: TensorOrNumber, b: TensorOrNumber, options?: { alpha?: number }): Tensor {
  const alpha = factorOf('add', 'alpha', options);
  return binary(addOp, a, alpha === 1 ? b : scaled(b, alpha));
}
/** The factor that an option gives, 1 by default. */
const factorOf = <Name extends 'alpha' | 'value'>(
  op: string,
  name: Name,
  options: { readonly [key in Name]?: number } | undefined,
): number =>
  options === undefined ? 1 : checkNumber(op, name, readOptions<{ readonly [key in Name]?: number }>(op, options, [name])[name] ?? 1);
const scaled = (b: TensorOrNumber, alpha: number): TensorOrNumber => (typeof b === 'number' ? b * alpha : mul(b, alpha));

export const subOp: Op<BinaryAttrs> = defineBinary('sub', { rule: { leftUses: [], left: (g) => g, rightUses: [], right: (g) => g.neg() } });

/** `a - alpha·b`. @throws DTypeError for two bool tensors. */
export function sub(a: TensorOrNumber, b: TensorOrNumber, options?: { alpha?: number }): Tensor {
  refuseBool('sub', a, b);
  const alpha = factorOf('sub', 'alpha', options);
  return binary(subOp, a, alpha === 1 ? b : scaled(b, alpha));
}

export const mulOp: Op<BinaryAttrs> = defineBinary('mul', {
  rule: { leftUses: ['b'], left: (g, _, b) => mul(g, b), rightUses: ['a'], right: (g, a) => mul(g, a) },
});

/** `a · b`, element by element. */
export const mul = (a: TensorOrNumber, b: TensorOrNumber): Tensor => binary(mulOp, a, b);

export const divOp: Op<BinaryAttrs> = defineBinary('div', {
  // d(a/b)/db = -a/b² = -out/b
  rule: { leftUses: ['b'], left: (g, _, b) => div(g, b), rightUses: ['b', 'out'], right: (g, _, b, out) => div(mul(g, out), b).neg() },
});
// Rounding is constant almost everywhere: its derivative is zero, as PyTorch has it.
const flat: BinaryRule = { leftUses: [], left: (g) => mul(g, 0), rightUses: [], right: (g) => mul(g, 0) };
export const floorDivideOp: Op<BinaryAttrs> = defineBinary('floorDivide', { rule: flat });
export const truncDivideOp: Op<BinaryAttrs> = defineBinary('truncDivide', { rule: flat });

/**
 * `a / b`. Integers give float32, unless `roundingMode` is `trunc` (towards zero) or `floor`, which keep them.
 * @throws ValueError for an integer division by zero.
 */
export function div(a: TensorOrNumber, b: TensorOrNumber, options?: { roundingMode?: 'trunc' | 'floor' | null }): Tensor {
  const mode =
    options === undefined ? null : (readOptions<{ roundingMode?: string }>('div', options, ['roundingMode']).roundingMode ?? null);
  if (mode === null) return binary(divOp, a, b, true);
  if (mode === 'floor') return binary(floorDivideOp, a, b);
  if (mode === 'trunc') return binary(truncDivideOp, a, b);
  throw new ArgumentError({ op: 'div', expected: 'roundingMode null, trunc or floor', received: describe(mode) });
}

/** `floor(a / b)`; integers stay integers. */
export const floorDivide = (a: TensorOrNumber, b: TensorOrNumber): Tensor => binary(floorDivideOp, a, b);

export const remainderOp: Op<BinaryAttrs> = defineBinary('remainder', {
  // a - b·floor(a/b)
  rule: { leftUses: [], left: (g) => g, rightUses: ['a', 'b'], right: (g, a, b) => mul(g, floorDivide(a, b)).neg() },
});
/** The remainder with the sign of the divisor, as Python's `%`. */
export const remainder = (a: TensorOrNumber, b: TensorOrNumber): Tensor => binary(remainderOp, a, b);

export const fmodOp: Op<BinaryAttrs> = defineBinary('fmod', {
  rule: { leftUses: [], left: (g) => g, rightUses: ['a', 'b'], right: (g, a, b) => mul(g, div(a, b, { roundingMode: 'trunc' })).neg() },
});
/** The remainder with the sign of the dividend, as C's `fmod`. */
export const fmod = (a: Tensor, b: TensorOrNumber): Tensor => binary(fmodOp, checkTensor('fmod', 'the first operand', a), b);

export const powOp: Op<BinaryAttrs> = defineBinary('pow', {
  rule: {
    leftUses: ['a', 'b'],
    rightUses: ['a', 'b', 'out'],
    // b·a^(b-1), and 0 where b is 0
    left(g, a, b) {
      if (typeof b === 'number') return b === 0 ? g.mul(0) : mul(g, mul(pow(a, b - 1), b));
      return mul(g, mul(b, pow(a, sub(b, 1)))).maskedFill(b.eq(0), 0);
    },
    // log(a)·a^b, and 0 where a is 0 and b is not negative
    right(g, a, b, out) {
      if (typeof a === 'number')
        return a === 0 ? mul(g, mul(out, -Infinity)).maskedFill((b as Tensor).ge(0), 0) : mul(g, mul(out, Math.log(a)));
      const slope = mul(g, mul(out, a.log()));
      if (typeof b === 'number') return b < 0 ? slope : slope.maskedFill(a.eq(0), 0);
      return slope.maskedFill(a.eq(0).logicalAnd(b.ge(0)), 0);
    },
  },
});

/** `a ^ b`. @throws ArgumentError for an integer tensor to a negative integer number. */
export function pow(a: TensorOrNumber, b: TensorOrNumber): Tensor {
  if (typeof b === 'number' && b < 0 && Number.isInteger(b) && a instanceof Tensor && !isFloat(a.dtype)) {
    throw new ArgumentError({
      op: 'pow',
      expected: 'a non-negative exponent for integers',
      received: String(b),
      hint: 'Cast the base to float32.',
    });
  }
  return binary(powOp, a, b);
}

// At a tie both sides get half of the gradient.
const extremeRule = (wins: (x: TensorOrNumber, y: TensorOrNumber) => Tensor): BinaryRule => {
  const share = (g: Tensor, x: TensorOrNumber, y: TensorOrNumber): Tensor =>
    mul(g, add(wins(x, y).to(g.dtype), mul((x instanceof Tensor ? x.eq(y) : (y as Tensor).eq(x)).to(g.dtype), 0.5)));
  return { leftUses: ['a', 'b'], left: share, rightUses: ['a', 'b'], right: (g, a, b) => share(g, b, a) };
};
const greater = (x: TensorOrNumber, y: TensorOrNumber): Tensor => (x instanceof Tensor ? x.gt(y) : (y as Tensor).lt(x));
const less = (x: TensorOrNumber, y: TensorOrNumber): Tensor => (x instanceof Tensor ? x.lt(y) : (y as Tensor).gt(x));

export const maximumOp: Op<BinaryAttrs> = defineBinary('maximum', { rule: extremeRule(greater) });
/** The larger of two, element by element; NaN where either is NaN. */
export const maximum = (a: Tensor, b: Tensor): Tensor =>
  binary(maximumOp, checkTensor('maximum', 'the first operand', a), checkTensor('maximum', 'the second operand', b));

export const minimumOp: Op<BinaryAttrs> = defineBinary('minimum', { rule: extremeRule(less) });
/** The smaller of two, element by element; NaN where either is NaN. */
export const minimum = (a: Tensor, b: Tensor): Tensor =>
  binary(minimumOp, checkTensor('minimum', 'the first operand', a), checkTensor('minimum', 'the second operand', b));

export const atan2Op: Op<BinaryAttrs> = defineBinary('atan2', {
  rule: {
    leftUses: ['a', 'b'],
    rightUses: ['a', 'b'],
    left: (g, a, b) => mul(g, div(b, add(mul(a, a), mul(b, b)))),
    right: (g, a, b) => mul(g, div(a, add(mul(a, a), mul(b, b)))).neg(),
  },
});
/** The angle of the point (b, a), in radians from -π to π. */
export const atan2 = (a: Tensor, b: Tensor): Tensor =>
  binary(atan2Op, checkTensor('atan2', 'the first operand', a), checkTensor('atan2', 'the second operand', b), true);

export const copysignOp: Op<BinaryAttrs> = defineBinary('copysign', {
  rule: {
    leftUses: ['a', 'out'],
    rightUses: [],
    left: (g, a, _, out) => mul(g, mul((a as Tensor).sign(), out.sign())),
    right: (g) => mul(g, 0),
  },
});
/** The magnitude of a with the sign of b. */
export const copysign = (a: Tensor, b: TensorOrNumber): Tensor =>
  binary(copysignOp, checkTensor('copysign', 'the first operand', a), b, true);

export const nextafterOp: Op<BinaryAttrs> = defineBinary('nextafter', {
  // A step next to a moves with a; where there is no step to make, nothing does.
  rule: { leftUses: ['a', 'b'], left: (g, a, b) => g.maskedFill((a as Tensor).eq(b), 0), rightUses: [], right: (g) => mul(g, 0) },
});
/** The next representable float after a in the direction of b. */
export const nextafter = (a: Tensor, b: Tensor): Tensor =>
  binary(nextafterOp, checkTensor('nextafter', 'the first operand', a), checkTensor('nextafter', 'the second operand', b));

/** `a + weight·(b - a)`. */
export function lerp(a: Tensor, b: Tensor, weight: TensorOrNumber): Tensor {
  return add(a, mul(sub(b, a), weight instanceof Tensor ? weight : Number(weight)));
}

/** `x + value·tensor1·tensor2`. */
export const addcmul = (x: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: number }): Tensor =>
  add(x, mul(mul(tensor1, tensor2), factorOf('addcmul', 'value', options)));

/** `x + value·tensor1/tensor2`. */
export const addcdiv = (x: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: number }): Tensor =>
  add(x, mul(div(tensor1, tensor2), factorOf('addcdiv', 'value', options)));

/** `other - alpha·x`. */
export const rsub = (x: Tensor, other: TensorOrNumber, options?: { alpha?: number }): Tensor =>
  sub(other, checkTensor('rsub', 'the first operand', x), options);
