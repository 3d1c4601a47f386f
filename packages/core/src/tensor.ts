import type { DType, TypedArray } from './dtype.ts';
import type { TensorMethods } from './methods.ts';
import type { Op } from './op.ts';
import type { Device, Operand } from './seam.ts';
import { sizeAt, type Shape } from './shape.ts';
import type { Storage } from './storage.ts';

/** How a view came from another tensor. */
export interface ViewOrigin {
  readonly op: Op;
  readonly attrs: unknown;
  readonly of: Tensor;
}

/**
 * An n-dimensional array of one dtype on one device: a storage, and a layout that says where each element lies in it.
 * Make one with `tensor`, `zeros`, `rand` and the like, not with `new`. Its methods are the functions of this package with the tensor as first argument.
 */
export class Tensor implements Operand {
  storage: Storage;
  dtype: DType;
  /** Sizes of the dimensions, outermost first. */
  shape: Shape;
  /** Elements from one index to the next, for each dimension. */
  strides: readonly number[];
  /** Where the first element lies in the storage, in elements. */
  offset: number;
  /** The number of elements, as `numel()`. */
  count: number;
  /** What the autograd layer knows of this tensor; core does not look inside. */
  tape: unknown;
  /** The tensor and op that this view was made from; undefined for a tensor with a storage of its own. */
  viewed: ViewOrigin | undefined;

  constructor(storage: Storage, dtype: DType, shape: Shape, strides: readonly number[], offset: number, count: number) {
    this.storage = storage;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.count = count;
    this.tape = undefined;
    this.viewed = undefined;
  }

  /** Where the tensor lives. */
  get device(): Device {
    return this.storage.device;
  }

  /** The sizes of all dimensions, or of one. @throws IndexError when `dim` is out of range. */
  size(): Shape;
  size(dim: number): number;
  size(dim?: number): Shape | number {
    return dim === undefined ? this.shape : sizeAt(this.shape, dim);
  }

  /** The number of dimensions, also as `dim()`. */
  get ndim(): number {
    return this.shape.length;
  }

  dim(): number {
    return this.shape.length;
  }

  /** The number of elements. */
  numel(): number {
    return this.count;
  }

  /** With the dimensions in reverse order. */
  get T(): Tensor {
    return this.permute(this.shape.map((_, i) => this.shape.length - 1 - i));
  }

  /** With the last two dimensions swapped. */
  get mT(): Tensor {
    return this.transpose(-2, -1);
  }

  /** As `mT`: the conjugate of a real number changes nothing. */
  get mH(): Tensor {
    return this.transpose(-2, -1);
  }

  /** The transpose of a matrix (of real numbers, the conjugate changes nothing). */
  get H(): Tensor {
    return this.t();
  }

  /**
   * `await x.data()` reads the values as a typed array. `x.data` without a call is the tensor without its history, over the same storage, as in
   * `variable.data.add_(1)`; and `x.data = other` gives x the storage and layout of another tensor, so that whoever holds x sees it.
   */
  get data(): Tensor & (() => Promise<TypedArray>) {
    const detached = new Tensor(this.storage, this.dtype, this.shape, this.strides, this.offset, this.count);
    // A function that inherits from the detached tensor is both: it can be called, and every op takes it.
    return Object.setPrototypeOf(() => this.readData(), detached) as Tensor & (() => Promise<TypedArray>);
  }

  set data(other: Tensor) {
    this.storage = other.storage;
    this.dtype = other.dtype;
    this.shape = other.shape;
    this.strides = other.strides;
    this.offset = other.offset;
    this.count = other.count;
    other.storage.kept = true;
  }

  toString(): string {
    return tensorToText(this);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return tensorToText(this);
  }
}

export interface Tensor extends TensorMethods {}

let tensorToText: (x: Tensor) => string = () => 'tensor';
/** Set by the printing module, which needs tensors itself. */
export function setTensorToText(show: (x: Tensor) => string): void {
  tensorToText = show;
}
