import { isFloat } from '@flambeau/core';
import type { Conversion } from './conversion.ts';
import type { ConverterTable } from './converters.ts';
import { onnxTypes } from './graph.ts';

type Convert = (c: Conversion) => void;

/** A function that ONNX has under a name of its own. */
const direct =
  (opType: string): Convert =>
  (c) =>
    c.node(opType, [c.input()]);

/** A function of x by a few nodes; the result is its output. */
const formula =
  (f: (c: Conversion, x: string) => string): Convert =>
  (c) =>
    c.output(f(c, c.input()));

/** A function that ONNX has for floats only: other numbers pass through float32. */
const viaFloat =
  (opType: string): Convert =>
  (c) => {
    const x = isFloat(c.dtype) ? c.input() : c.graph.cast(c.input(), 'float32');
    const y = c.graph.one(opType, [x]);
    c.output(isFloat(c.outputs[0].dtype) || c.outputs[0].dtype === 'bool' ? y : c.graph.cast(y, c.outputs[0].dtype));
  };

/** The two operands, one of which may be a number among the scalars. */
export function operands(c: Conversion): [string, string] {
  const { scalar } = c.attrs as { scalar: 'none' | 'left' | 'right' };
  if (scalar === 'none') return c.broadcastInputs([0, 1]) as [string, string];
  const number = c.scalar(0, c.inputs[0].dtype);
  return scalar === 'left' ? [number, c.input()] : [c.input(), number];
}

const binary =
  (opType: string): Convert =>
  (c) =>
    c.node(opType, operands(c));

/** A function of two operands by a few nodes; the result is its output. */
export const binaryFormula =
  (f: (c: Conversion, a: string, b: string) => string): Convert =>
  (c) =>
    c.output(f(c, ...operands(c)));

/** A logical function, of the truth of numbers. */
const logical = (opType: string): Convert =>
  binaryFormula((c, a, b) => {
    const truth = (x: string): string => (c.dtype === 'bool' ? x : c.graph.cast(x, 'bool'));
    return c.graph.one(opType, [truth(a), truth(b)]);
  });

/** A bitwise function; of bools it is the logical one. */
const bitwise = (name: 'And' | 'Or' | 'Xor'): Convert =>
  binaryFormula((c, a, b) => c.graph.one(c.dtype === 'bool' ? name : `Bitwise${name}`, [a, b]));

const comparison = (opType: string, negate = false): Convert =>
  binaryFormula((c, a, b) => {
    // Bools compare as numbers, except for equality.
    const convert = (x: string): string => (c.dtype === 'bool' && opType !== 'Equal' ? c.graph.cast(x, 'int32') : x);
    const y = c.graph.one(opType, [convert(a), convert(b)]);
    return negate ? c.graph.one('Not', [y]) : y;
  });

const truncated = (c: Conversion, x: string): string =>
  c.graph.one('Mul', [c.graph.one('Sign', [x]), c.graph.one('Floor', [c.graph.one('Abs', [x])])]);

/** True where the sign bit is set, that of -0 included: 1/-0 is -∞. */
export const negative = (c: Conversion, x: string): string => {
  const below = (y: string): string => c.withNumber('Less', y, 0);
  return c.isFloat ? c.graph.one('Or', [below(x), below(c.graph.one('Reciprocal', [x]))]) : below(x);
};

/** Ops that work element by element. */
export const elementwise: ConverterTable = {
  neg: direct('Neg'),
  abs: direct('Abs'),
  sign: direct('Sign'),
  ceil: direct('Ceil'),
  floor: direct('Floor'),
  round: direct('Round'),
  trunc: formula(truncated),
  sqrt: direct('Sqrt'),
  rsqrt: formula((c, x) => c.graph.one('Reciprocal', [c.graph.one('Sqrt', [x])])),
  reciprocal: direct('Reciprocal'),
  square: formula((c, x) => c.graph.one('Mul', [x, x])),
  exp: direct('Exp'),
  exp2: formula((c, x) => c.graph.one('Pow', [c.graph.scalar(2, c.dtype), x])),
  expm1: formula((c, x) => c.withNumber('Sub', c.graph.one('Exp', [x]), 1)),
  log: direct('Log'),
  log2: formula((c, x) => c.withNumber('Mul', c.graph.one('Log', [x]), Math.LOG2E)),
  log10: formula((c, x) => c.withNumber('Mul', c.graph.one('Log', [x]), Math.LOG10E)),
  log1p: formula((c, x) => c.graph.one('Log', [c.withNumber('Add', x, 1)])),
  sin: direct('Sin'),
  cos: direct('Cos'),
  tan: direct('Tan'),
  asin: direct('Asin'),
  acos: direct('Acos'),
  atan: direct('Atan'),
  sinh: direct('Sinh'),
  cosh: direct('Cosh'),
  tanh: direct('Tanh'),
  asinh: direct('Asinh'),
  acosh: direct('Acosh'),
  atanh: direct('Atanh'),
  sigmoid: direct('Sigmoid'),
  relu: direct('Relu'),
  erf: direct('Erf'),
  erfc: formula((c, x) => c.graph.one('Sub', [c.graph.scalar(1, c.dtype), c.graph.one('Erf', [x])])),
  isnan: viaFloat('IsNaN'),
  isinf: viaFloat('IsInf'),
  logicalNot: formula((c, x) => c.graph.one('Not', [c.dtype === 'bool' ? x : c.graph.cast(x, 'bool')])),
  bitwiseNot: formula((c, x) => c.graph.one(c.dtype === 'bool' ? 'Not' : 'BitwiseNot', [x])),
  signbit: formula(negative),
  add: binary('Add'),
  sub: binary('Sub'),
  mul: binary('Mul'),
  div: binary('Div'),
  pow: binary('Pow'),
  maximum: binary('Max'),
  minimum: binary('Min'),
  // a - b·⌊a/b⌋ has the sign of b; Mod of integers has it too.
  remainder: binaryFormula((c, a, b) =>
    c.isFloat
      ? c.graph.one('Sub', [a, c.graph.one('Mul', [b, c.graph.one('Floor', [c.graph.one('Div', [a, b])])])])
      : c.graph.one('Mod', [a, b]),
  ),
  fmod: binaryFormula((c, a, b) => c.graph.one('Mod', [a, b], { fmod: 1 })),
  floorDivide: binaryFormula((c, a, b) =>
    c.isFloat
      ? c.graph.one('Floor', [c.graph.one('Div', [a, b])])
      : c.graph.one('Div', [c.graph.one('Sub', [a, c.graph.one('Mod', [a, b])]), b]),
  ),
  truncDivide: binaryFormula((c, a, b) => {
    const quotient = c.graph.one('Div', [a, b]);
    return c.isFloat ? truncated(c, quotient) : quotient;
  }),
  copysign: binaryFormula((c, a, b) => {
    const size = c.graph.one('Abs', [a]);
    return c.graph.one('Where', [negative(c, b), c.graph.one('Neg', [size]), size]);
  }),
  eq: comparison('Equal'),
  ne: comparison('Equal', true),
  lt: comparison('Less'),
  le: comparison('LessOrEqual'),
  gt: comparison('Greater'),
  ge: comparison('GreaterOrEqual'),
  logicalAnd: logical('And'),
  logicalOr: logical('Or'),
  logicalXor: logical('Xor'),
  bitwiseAnd: bitwise('And'),
  bitwiseOr: bitwise('Or'),
  bitwiseXor: bitwise('Xor'),
  where: (c) => c.node('Where', c.broadcastInputs([0, 1, 2])),
  cast: (c) => c.node('Cast', [c.input()], { to: onnxTypes[c.outputs[0].dtype] }),
};
