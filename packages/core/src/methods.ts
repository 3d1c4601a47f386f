import { checkArray } from './checks.ts';
import type { DType } from './dtype.ts';
import { inPlaceNames, inPlaceOf } from './ops/inplaceMethods.ts';
import * as operators from './ops/index.ts';
import * as printing from './printing.ts';
import { methodsElsewhere } from './elsewhere.ts';
import { Tensor } from './tensor.ts';

type Functions = typeof operators & typeof printing;
// Looked up one by one: copying the modules into one object would be a tenth of the time in which a program starts.
const modules: readonly Partial<Functions>[] = [operators, printing];
const functionOf = (name: keyof Functions): unknown => modules[0][name] ?? modules[1][name];

/** The functions that are also methods, with the tensor as first argument. A new function becomes a method by its name here. */
export const methodNames = [
  // casts and devices
  'to', 'toAsync', 'float', 'double', 'half', 'bfloat16', 'int', 'long', 'short', 'char', 'byte', 'bool',
  // views
  'view', 'reshape', 'clone', 'contiguous', 'isContiguous', 'expand', 'expandAs', 'permute', 'transpose', 't', 'unsqueeze', 'squeeze',
  'select', 'slice', 'narrow', 'alias', 'diagonal', 'unfold', 'asStrided', 'flatten', 'unflatten', 'movedim', 'reshapeAs', 'viewAs', 'ravel',
  'sumToSize', 'moveaxis', 'swapaxes', 'swapdims', 'adjoint', 'broadcastTo', 'narrowCopy', 'real', 'conj', 'conjPhysical',
  'resolveConj', 'resolveNeg', 'unsqueeze_', 'squeeze_', 't_', 'transpose_', 'swapaxes_', 'swapdims_', 'asStrided_', 'resize_', 'resizeAs_',
  // arithmetic
  'add', 'sub', 'mul', 'div', 'floorDivide', 'remainder', 'fmod', 'pow', 'maximum', 'minimum', 'atan2', 'copysign', 'nextafter', 'lerp',
  'addcmul', 'addcdiv', 'rsub', 'multiply', 'subtract', 'divide', 'trueDivide', 'arctan2', 'fmax', 'fmin', 'hypot', 'heaviside', 'floatPower', 'ldexp',
  'gcd', 'lcm', 'xlogy', 'logaddexp', 'logaddexp2', 'igamma', 'igammac',
  // comparison and logic
  'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'logicalAnd', 'logicalOr', 'logicalXor', 'bitwiseAnd', 'bitwiseOr', 'bitwiseXor',
  'bitwiseLeftShift', 'bitwiseRightShift', 'isclose', 'allclose', 'equal', 'greater', 'greaterEqual', 'less', 'lessEqual', 'notEqual', 'isin',
  // elementwise
  'neg', 'abs', 'sign', 'ceil', 'floor', 'round', 'trunc', 'sqrt', 'rsqrt', 'reciprocal', 'square', 'exp', 'exp2', 'expm1', 'log',
  'log2', 'log10', 'log1p', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'sigmoid',
  'relu', 'erf', 'erfc', 'isnan', 'isinf', 'isfinite', 'logicalNot', 'bitwiseNot', 'signbit', 'clamp', 'clampMin', 'clampMax', 'clip', 'absolute',
  'negative', 'fix', 'arccos', 'arcsin', 'arctan', 'arccosh', 'arcsinh', 'arctanh', 'positive', 'frac', 'deg2rad', 'rad2deg', 'sgn', 'angle',
  'isposinf', 'isneginf', 'isreal', 'nanToNum', 'sinc', 'logit', 'frexp', 'lgamma', 'digamma', 'mvlgamma', 'i0', 'erfinv', 'fill',
  // reductions
  'sum', 'mean', 'prod', 'amax', 'amin', 'argmax', 'argmin', 'any', 'all', 'std', 'varMean', 'stdMean', 'softmax', 'logSoftmax', 'logsumexp', 'aminmax',
  'nansum', 'nanmean', 'countNonzero', 'mode', 'quantile', 'nanquantile', 'norm', 'dist', 'trace', 'cov', 'corrcoef',
  // scans and sorting
  'cumsum', 'cumprod', 'cummax', 'cummin', 'logcumsumexp', 'sort', 'argsort', 'msort', 'topk', 'kthvalue', 'diff',
  'bincount', 'bincountAsync', 'histc', 'histogram', 'uniqueAsync', 'uniqueConsecutiveAsync',
  // matrix products
  'matmul', 'mm', 'bmm', 'mv', 'dot', 'vdot', 'outer', 'ger', 'addmm', 'baddbmm', 'addmv', 'addr', 'addbmm', 'inner', 'tensordot', 'kron', 'cross',
  'matrixExp', 'matrixPower', 'renorm',
  // joining and splitting
  'split', 'splitWithSizes', 'chunk', 'tensorSplit', 'hsplit', 'vsplit', 'dsplit', 'unbind', 'repeat', 'repeatInterleave', 'repeatInterleaveAsync',
  'tile', 'flip', 'fliplr', 'flipud', 'rot90', 'roll', 'unsafeChunk', 'unsafeSplit', 'tril', 'triu', 'diag', 'diagEmbed', 'diagflat',
  // indexing
  'gather', 'scatter', 'scatterAdd', 'scatterReduce', 'indexSelect', 'indexAdd', 'indexCopy', 'indexFill', 'indexPut', 'indexReduce', 'put', 'take',
  'takeAlongDim', 'maskedFill', 'maskedScatter', 'maskedSelect', 'maskedSelectAsync', 'nonzeroAsync', 'argwhere', 'argwhereAsync', 'nonzeroStatic', 'at', 'setAt',
  'diagonalScatter', 'selectScatter', 'sliceScatter', 'asStridedScatter',
  // creation after this tensor
  'newZeros', 'newOnes', 'newEmpty', 'newEmptyStrided', 'newFull', 'newTensor', 'newInt32',
  // in place
  'copy_', 'fill_', 'zero_', 'add_', 'sub_', 'mul_', 'div_', 'pow_', 'fillDiagonal_', 'uniform_', 'normal_', 'bernoulli_', 'exponential_',
  'random_', 'bernoulli', 'cauchy_', 'logNormal_', 'geometric_', 'multinomial', 'apply_', 'map_',
  // reading
  'readData', 'dataSync', 'toArray', 'toArraySync', 'tolist', 'numpy', 'dispose', 'print',
  // questions
  'isFloatingPoint', 'isComplex', 'isSigned', 'isNonzero', 'isSameSize', 'nelement', 'ndimension', 'storageOffset', 'elementSize', 'typeAs',
] as const satisfies readonly (keyof Functions)[]; // prettier-ignore

/** A function of a tensor as its method. */
type Bound<F> = F extends (x: Tensor, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;

/** The methods that functions of this package give. */
type FunctionMethods = { [K in (typeof methodNames)[number]]: Bound<Functions[K]> };

/** `x.f_(...)` for functions with an in-place form: x becomes `f(x, ...)`. */
type InPlaceMethods = { [K in (typeof inPlaceNames)[number] as `${K}_`]: Bound<Functions[K]> };

type Rest<F> = F extends (x: Tensor, ...rest: infer Arguments) => unknown ? Arguments : never;

/** Every method of a tensor that is a function of core, and those whose results depend on the kind of their arguments. */
export interface TensorMethods extends FunctionMethods, InPlaceMethods {
  /** The maximum of everything; with a tensor, `maximum`; with `dim`, values and the indices of the first of them. */
  max(): Tensor;
  max(other: Tensor): Tensor;
  max(dim: number | { dim: number; keepdim?: boolean }, keepdim?: boolean | { keepdim?: boolean }): operators.ValuesAndIndices;
  /** The minimum of everything; with a tensor, `minimum`; with `dim`, values and the indices of the first of them. */
  min(): Tensor;
  min(other: Tensor): Tensor;
  min(dim: number | { dim: number; keepdim?: boolean }, keepdim?: boolean | { keepdim?: boolean }): operators.ValuesAndIndices;
  /** The median of everything, or with `dim` values and the indices of the first of them. Of two middle values it is the lower; NaN wins. */
  median(): Tensor;
  median(dim: number | { dim: number; keepdim?: boolean }, keepdim?: boolean | { keepdim?: boolean }): operators.ValuesAndIndices;
  /** As `median`, of what is not NaN. */
  nanmedian(): Tensor;
  nanmedian(dim: number | { dim: number; keepdim?: boolean }, keepdim?: boolean | { keepdim?: boolean }): operators.ValuesAndIndices;
  /** The variance over `dim`: Σ(x - mean)² / (n - correction). */
  var(...args: operators.VarArguments): Tensor;
  /** This tensor and others, one after the other along `dim`. */
  cat(others: readonly Tensor[], dim?: number): Tensor;
  /** `condition.where(a, b)`, or PyTorch's `x.where(condition, other)`, which is `where(condition, x, other)`. */
  where(a: Tensor | number, b: Tensor | number): Tensor;
  /** The indices of elements that are not zero, a row each: shape [count, ndim], int32. With `asTuple`, an array of their columns. */
  nonzero(options?: { asTuple?: false }): Tensor;
  nonzero(options: { asTuple: true }): Tensor[];
  /** The value of a tensor of one element: true or false of a bool tensor (`item<boolean>()`), else a number. @throws ShapeError */
  item(): Promise<number>;
  item<Value extends number | boolean>(): Promise<Value>;
  /** As `item`, at once; only on a device that can be read without waiting. @throws ShapeError, AsyncOnlyError */
  itemSync(): number;
  itemSync<Value extends number | boolean>(): Value;
  /** Elements from one index to the next, of all dimensions or of one. @throws IndexError when `dim` is out of range */
  stride(): readonly number[];
  stride(dim: number): number;
  /** The name of the dtype; with a dtype, the tensor as that. @throws DTypeError for an unknown one */
  type(): DType;
  type(dtype: DType): Tensor;
  /** The n-th derivative of digamma. */
  polygamma(n: number): Tensor;
  /** The n-th derivative of digamma, in place. */
  polygamma_(n: number): Tensor;
  /** The different elements, or slices along `dim`, sorted; an array with the inverse and the counts where they are asked for. */
  unique(options?: operators.UniqueOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
  unique(...args: Rest<typeof operators.unique>): operators.UniqueResult;
  /** The tensor without elements (or slices along `dim`) that equal the one before. */
  uniqueConsecutive(options?: operators.UniqueConsecutiveOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
  uniqueConsecutive(...args: Rest<typeof operators.uniqueConsecutive>): operators.UniqueResult;
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

const inPlaceMethods = inPlaceNames.map((name) => [`${name}_`, inPlaceOf(name, functionOf(name) as Parameters<typeof inPlaceOf>[1])]);

addTensorMethods(Object.fromEntries(methodNames.map((name) => [name, functionOf(name)])));
addTensorMethods(Object.fromEntries(inPlaceMethods) as Record<string, unknown>);
addTensorMethods({
  max: operators.max,
  min: operators.min,
  median: operators.median,
  nanmedian: operators.nanmedian,
  var: operators.var_,
  cat: (x: Tensor, others: readonly Tensor[], dim = 0): Tensor => operators.cat([x, ...checkArray('cat', 'the others', others)], dim),
  where: operators.whereMethod,
  nonzero: operators.nonzero,
  stride: operators.stride,
  type: operators.type,
  item: operators.item,
  itemSync: operators.itemSync,
  polygamma: (x: Tensor, n: number): Tensor => operators.polygamma(n, x),
  polygamma_: (x: Tensor, n: number): Tensor => operators.assign('polygamma_', x, operators.polygamma(n, x)),
  unique: operators.unique,
  uniqueConsecutive: operators.uniqueConsecutive,
});
addTensorMethods(methodsElsewhere);
