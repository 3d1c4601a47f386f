import * as arithmetic from './ops/arithmetic.ts';
import * as casts from './ops/cast.ts';
import * as comparison from './ops/comparison.ts';
import * as creation from './ops/creation.ts';
import * as elementwise from './ops/elementwise.ts';
import * as indexing from './ops/indexing.ts';
import * as inplace from './ops/inplace.ts';
import * as inplaceMethods from './ops/inplaceMethods.ts';
import * as joining from './ops/joining.ts';
import * as matrix from './ops/matmul.ts';
import * as random from './ops/random.ts';
import * as reading from './ops/reading.ts';
import * as reduction from './ops/reduction.ts';
import * as scan from './ops/scan.ts';
import * as softmaxes from './ops/softmax.ts';
import * as sorting from './ops/sorting.ts';
import * as views from './ops/views.ts';
import * as printing from './printing.ts';
import { Tensor } from './tensor.ts';

type Functions = typeof arithmetic &
  typeof casts &
  typeof comparison &
  typeof creation &
  typeof elementwise &
  typeof indexing &
  typeof inplace &
  typeof inplaceMethods &
  typeof joining &
  typeof matrix &
  typeof random &
  typeof reading &
  typeof reduction &
  typeof scan &
  typeof softmaxes &
  typeof sorting &
  typeof views &
  typeof printing;

const functions = {
  ...arithmetic,
  ...casts,
  ...comparison,
  ...creation,
  ...elementwise,
  ...indexing,
  ...inplace,
  ...inplaceMethods,
  ...joining,
  ...matrix,
  ...random,
  ...reading,
  ...reduction,
  ...scan,
  ...softmaxes,
  ...sorting,
  ...views,
  ...printing,
} as unknown as Functions;

/** The functions that are also methods, with the tensor as first argument. A new function becomes a method by its name here. */
export const methodNames = [
  // casts and devices
  'to', 'toAsync', 'float', 'double', 'half', 'bfloat16', 'int', 'long', 'short', 'char', 'byte', 'bool',
  // views
  'view', 'reshape', 'clone', 'contiguous', 'isContiguous', 'expand', 'expandAs', 'permute', 'transpose', 't', 'unsqueeze', 'squeeze',
  'select', 'slice', 'narrow', 'alias', 'diagonal', 'unfold', 'asStrided', 'flatten', 'unflatten', 'movedim',
  // arithmetic
  'add', 'sub', 'mul', 'div', 'floorDivide', 'remainder', 'fmod', 'pow', 'maximum', 'minimum', 'atan2', 'copysign', 'nextafter', 'lerp',
  'addcmul', 'addcdiv', 'rsub',
  // comparison and logic
  'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'logicalAnd', 'logicalOr', 'logicalXor', 'bitwiseAnd', 'bitwiseOr', 'bitwiseXor',
  'bitwiseLeftShift', 'bitwiseRightShift', 'isclose', 'allclose', 'equal',
  // elementwise
  'neg', 'abs', 'sign', 'ceil', 'floor', 'round', 'trunc', 'sqrt', 'rsqrt', 'reciprocal', 'square', 'exp', 'exp2', 'expm1', 'log',
  'log2', 'log10', 'log1p', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'sigmoid',
  'relu', 'erf', 'erfc', 'isnan', 'isinf', 'isfinite', 'logicalNot', 'bitwiseNot', 'signbit', 'clamp',
  // reductions
  'sum', 'mean', 'prod', 'amax', 'amin', 'argmax', 'argmin', 'any', 'all', 'std', 'softmax', 'logSoftmax', 'logsumexp',
  // scans and sorting
  'cumsum', 'cumprod', 'cummax', 'cummin', 'sort', 'argsort', 'topk',
  // matrix products
  'matmul', 'mm', 'bmm', 'mv', 'dot', 'outer', 'addmm', 'baddbmm',
  // joining and splitting
  'split', 'chunk', 'unbind', 'repeat', 'tile', 'flip', 'roll',
  // indexing
  'gather', 'scatter', 'scatterAdd', 'indexSelect', 'maskedFill', 'maskedSelect', 'nonzero', 'nonzeroAsync', 'at', 'setAt',
  // creation after this tensor
  'newZeros', 'newOnes', 'newFull', 'newInt32',
  // in place
  'copy_', 'fill_', 'zero_', 'add_', 'sub_', 'mul_', 'div_', 'pow_', 'neg_', 'exp_', 'sqrt_', 'relu_', 'sigmoid_', 'tanh_', 'clamp_',
  'addcmul_', 'addcdiv_', 'lerp_', 'maskedFill_', 'scatter_', 'scatterAdd_', 'uniform_', 'normal_', 'bernoulli_', 'exponential_',
  'random_', 'bernoulli',
  // reading
  'readData', 'dataSync', 'item', 'itemSync', 'toArray', 'toArraySync', 'dispose', 'print',
] as const satisfies readonly (keyof Functions)[]; // prettier-ignore

/** A function of a tensor as its method. */
type Bound<F> = F extends (x: Tensor, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;

/** The methods that functions of this package give. */
type FunctionMethods = { [K in (typeof methodNames)[number]]: Bound<Functions[K]> };

/** Every method of a tensor that is a function of core, and those whose results depend on the kind of their arguments. */
export interface TensorMethods extends FunctionMethods {
  /** The maximum of everything; with a tensor, `maximum`; with `dim`, values and the indices of the first of them. */
  max(): Tensor;
  max(other: Tensor): Tensor;
  max(dim: number, options?: { keepdim?: boolean } | boolean): reduction.ValuesAndIndices;
  /** The minimum of everything; with a tensor, `minimum`; with `dim`, values and the indices of the first of them. */
  min(): Tensor;
  min(other: Tensor): Tensor;
  min(dim: number, options?: { keepdim?: boolean } | boolean): reduction.ValuesAndIndices;
  /** The variance over `dim`: Σ(x - mean)² / (n - correction). */
  var(dim?: reduction.Dims | reduction.VarOptions, options?: reduction.VarOptions): Tensor;
  /** This tensor and others, one after the other along `dim`. */
  cat(others: readonly Tensor[], dim?: number): Tensor;
  /** `condition.where(a, b)` is `where(condition, a, b)`. */
  where(a: Tensor | number, b: Tensor | number): Tensor;
}

/** Puts functions on the prototype of Tensor; other packages add theirs in the same way. */
export function addTensorMethods(methods: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(methods)) {
    const f = value as (...args: unknown[]) => unknown;
    const method = function (this: Tensor, ...rest: unknown[]): unknown {
      return f(this, ...rest);
    };
    Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true, enumerable: false });
  }
}

addTensorMethods(Object.fromEntries(methodNames.map((name) => [name, functions[name]])));
addTensorMethods({
  max: reduction.max,
  min: reduction.min,
  var: reduction.var_,
  cat: (x: Tensor, others: readonly Tensor[], dim = 0): Tensor => joining.cat([x, ...others], dim),
  where: indexing.where,
});
