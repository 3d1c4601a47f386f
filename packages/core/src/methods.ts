import { checkArray } from './checks.ts';
import type { DType } from './dtype.ts';
import { inPlaceNames, inPlaceOf } from './ops/inplaceMethods.ts';
import { functions } from './methodTable.ts';
import * as ops from './ops/index.ts';
import { methodsElsewhere } from './elsewhere.ts';
import { Tensor } from './tensor.ts';

type Functions = typeof functions;

/** The names of the functions that are also methods, with the tensor as first argument. */
export const methodNames = Object.keys(functions) as readonly (keyof Functions)[];

/** A function of a tensor as its method. */
type Bound<F> = F extends (x: Tensor, ...rest: infer Rest) => infer Result ? (...rest: Rest) => Result : never;

/** The methods that functions of this package give. */
type FunctionMethods = { [K in keyof Functions]: Bound<Functions[K]> };

/** `x.f_(...)` for functions with an in-place form: x becomes `f(x, ...)`. */
type InPlaceMethods = { [K in (typeof inPlaceNames)[number] as `${K}_`]: Bound<Functions[K]> };

type Rest<F> = F extends (x: Tensor, ...rest: infer Arguments) => unknown ? Arguments : never;

/** Every method of a tensor that is a function of core, and those whose results depend on the kind of their arguments. */
export interface TensorMethods extends FunctionMethods, InPlaceMethods {
  /** The maximum of everything; with a tensor, `maximum`; with `dim`, values and the indices of the first of them. */
  max(): Tensor;
  max(other: Tensor): Tensor;
  max(dim: number | { dim: number; keepdim?: boolean }, keepdim?: boolean | { keepdim?: boolean }): ops.ValuesAndIndices;
  /** The minimum of everything; with a tensor, `minimum`; with `dim`, values and the indices of the first of them. */
  min(): Tensor;
  min(other: Tensor): Tensor;
  min(dim: number | { dim: number; keepdim?: boolean }, keepdim?: boolean | { keepdim?: boolean }): ops.ValuesAndIndices;
  /** The median of everything, or with `dim` values and the indices of the first of them. Of two middle values it is the lower; NaN wins. */
  median(): Tensor;
  median(dim: number | { dim: number; keepdim?: boolean }, keepdim?: boolean | { keepdim?: boolean }): ops.ValuesAndIndices;
  /** As `median`, of what is not NaN. */
  nanmedian(): Tensor;
  nanmedian(dim: number | { dim: number; keepdim?: boolean }, keepdim?: boolean | { keepdim?: boolean }): ops.ValuesAndIndices;
  /** The variance over `dim`: Σ(x - mean)² / (n - correction). */
  var(...args: ops.VarArguments): Tensor;
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
  unique(options?: ops.UniqueOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
  unique(...args: Rest<typeof ops.unique>): ops.UniqueResult;
  /** The tensor without elements (or slices along `dim`) that equal the one before. */
  uniqueConsecutive(options?: ops.UniqueConsecutiveOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
  uniqueConsecutive(...args: Rest<typeof ops.uniqueConsecutive>): ops.UniqueResult;
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

// An object that has lost a property is a hash table to V8 until its first use, and takes the next property without copying what it has:
// the methods are there in 0.7 ms instead of 9.
const passing = Symbol('passing');
Object.defineProperty(Tensor.prototype, passing, { configurable: true });
Reflect.deleteProperty(Tensor.prototype, passing);

addTensorMethods(functions);
addTensorMethods(
  Object.fromEntries(inPlaceNames.map((name) => [`${name}_`, inPlaceOf(name, functions[name] as Parameters<typeof inPlaceOf>[1])])),
);
addTensorMethods({
  max: ops.max,
  min: ops.min,
  median: ops.median,
  nanmedian: ops.nanmedian,
  var: ops.var_,
  cat: (x: Tensor, others: readonly Tensor[], dim = 0): Tensor => ops.cat([x, ...checkArray('cat', 'the others', others)], dim),
  where: ops.whereMethod,
  nonzero: ops.nonzero,
  stride: ops.stride,
  type: ops.type,
  item: ops.item,
  itemSync: ops.itemSync,
  polygamma: (x: Tensor, n: number): Tensor => ops.polygamma(n, x),
  polygamma_: (x: Tensor, n: number): Tensor => ops.assign('polygamma_', x, ops.polygamma(n, x)),
  unique: ops.unique,
  uniqueConsecutive: ops.uniqueConsecutive,
});
addTensorMethods(methodsElsewhere);
