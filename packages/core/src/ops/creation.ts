import { getDefaultDevice } from '../device.ts';
import { dispatchOne } from '../dispatch.ts';
import { bytesOf, checkDType, dtypes, typedArray, writeElement, type DType, type TypedArray } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, describe } from '../errors.ts';
import { contiguousStrides } from '../layout.ts';
import { track } from '../memory.ts';
import { defineOp, type Op } from '../op.ts';
import type { Device } from '../seam.ts';
import { checkShape, numel, shapeArguments, type Shape } from '../shape.ts';
import { Storage } from '../storage.ts';
import { Tensor } from '../tensor.ts';
import { cast, to } from './cast.ts';

/** Where and as what a tensor is made. */
export interface TensorOptions {
  /** float32 by default for numbers, bool for booleans, a typed array's own otherwise. */
  dtype?: DType;
  /** The default device when missing. */
  device?: Device;
}

/** Arrays of arrays of numbers, all rows of a level of one length. */
export type NestedArray = number | boolean | bigint | readonly NestedArray[];

interface CreateAttrs {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: Device;
}

export const fullOp: Op<CreateAttrs> = defineOp<CreateAttrs>({
  name: 'full',
  moves: true,
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  kernel: (k, _, [out], __, [value]) => k.fill(out, value),
});

export const arangeOp: Op<CreateAttrs> = defineOp<CreateAttrs>({
  name: 'arange',
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  kernel: (k, _, [out], __, [start, step]) => k.iota(out, start, step),
});

const create = (shape: Shape, value: number, options: TensorOptions, otherwise: DType = 'float32'): Tensor =>
  dispatchOne(
    fullOp,
    [],
    {
      shape,
      dtype: options.dtype === undefined ? otherwise : checkDType('full', options.dtype),
      device: options.device ?? getDefaultDevice(),
    },
    [value],
  );

const isOptions = (value: unknown): value is TensorOptions => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Splits `f(2, 3, { dtype })` into the shape and the options. */
export function sizeArguments(op: string, args: readonly (number | Shape | TensorOptions)[]): [number[], TensorOptions] {
  const last = args[args.length - 1];
  return isOptions(last)
    ? [shapeArguments(op, args.slice(0, -1) as (number | Shape)[]), last]
    : [shapeArguments(op, args as (number | Shape)[]), {}];
}

/** A tensor of zeros: `zeros(2, 3)`, `zeros([2, 3], { dtype: 'int32' })`. */
export function zeros(...size: (number | Shape | TensorOptions)[]): Tensor {
  const [shape, options] = sizeArguments('zeros', size);
  return create(shape, 0, options);
}

/** A tensor of ones. */
export function ones(...size: (number | Shape | TensorOptions)[]): Tensor {
  const [shape, options] = sizeArguments('ones', size);
  return create(shape, 1, options);
}

/** A tensor whose content is not defined; it is zero here. */
export function empty(...size: (number | Shape | TensorOptions)[]): Tensor {
  const [shape, options] = sizeArguments('empty', size);
  return create(shape, 0, options);
}

/** A tensor of one value: float32 for a number, bool for a boolean, unless `dtype` says otherwise. */
export function full(size: Shape, value: number | boolean, options: TensorOptions = {}): Tensor {
  return create(checkShape('full', size), Number(value), options, typeof value === 'boolean' ? 'bool' : 'float32');
}

const like = (x: Tensor, options: TensorOptions | undefined): TensorOptions => ({
  dtype: options?.dtype ?? x.dtype,
  device: options?.device ?? x.device,
});
/** Zeros with the shape, dtype and device of another tensor. */
export const zerosLike = (x: Tensor, options?: TensorOptions): Tensor => create(x.shape, 0, like(x, options));
/** Ones with the shape, dtype and device of another tensor. */
export const onesLike = (x: Tensor, options?: TensorOptions): Tensor => create(x.shape, 1, like(x, options));
/** Like `zerosLike`: content that is not defined. */
export const emptyLike = (x: Tensor, options?: TensorOptions): Tensor => create(x.shape, 0, like(x, options));
/** One value with the shape, dtype and device of another tensor. */
export const fullLike = (x: Tensor, value: number, options?: TensorOptions): Tensor => create(x.shape, value, like(x, options));
/** Zeros of another shape with the dtype and device of a tensor. */
export const newZeros = (x: Tensor, size: Shape, options?: TensorOptions): Tensor =>
  create(checkShape('newZeros', size), 0, like(x, options));
/** Ones of another shape with the dtype and device of a tensor. */
export const newOnes = (x: Tensor, size: Shape, options?: TensorOptions): Tensor =>
  create(checkShape('newOnes', size), 1, like(x, options));
/** One value in another shape with the dtype and device of a tensor. */
export const newFull = (x: Tensor, size: Shape, value: number, options?: TensorOptions): Tensor =>
  create(checkShape('newFull', size), value, like(x, options));

/**
 * `start`, `start + step`, ... below `end`: `arange(5)`, `arange(1, 5)`, `arange(0, 1, 0.1)`. float32 unless `dtype` says otherwise.
 * @throws ArgumentError when the step does not lead from start to end.
 */
export function arange(...args: (number | TensorOptions)[]): Tensor {
  const last = args[args.length - 1];
  const options = isOptions(last) ? last : {};
  const numbers = (isOptions(last) ? args.slice(0, -1) : args) as number[];
  const [start, end, step = 1] = numbers.length === 1 ? [0, numbers[0]] : numbers;
  if (![start, end, step].every(Number.isFinite) || step === 0 || (end - start) / step < 0) {
    throw new ArgumentError({
      op: 'arange',
      expected: 'finite numbers, and a step that leads from start to end',
      received: describe(numbers),
    });
  }
  return iota(Math.ceil((end - start) / step), start, step, options);
}

function iota(count: number, start: number, step: number, options: TensorOptions): Tensor {
  const dtype = checkDType('arange', options.dtype ?? 'float32');
  return dispatchOne(arangeOp, [], { shape: [count], dtype, device: options.device ?? getDefaultDevice() }, [start, step]);
}

/** `steps` numbers evenly from start to end, both included. Rounded as PyTorch does: from both ends towards the middle. */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  if (!Number.isInteger(steps) || steps < 0)
    throw new ArgumentError({ op: 'linspace', expected: 'a non-negative number of steps', received: describe(steps) });
  const dtype = checkDType('linspace', options.dtype ?? 'float32');
  const values = new Float64Array(steps);
  const round = dtype === 'float64' ? (v: number): number => v : Math.fround;
  const step = steps > 1 ? round((round(end) - round(start)) / (steps - 1)) : 0;
  for (let i = 0; i < steps; i++) values[i] = i < steps / 2 ? round(start) + step * i : round(end) - step * (steps - 1 - i);
  return fromNumbers(values, [steps], dtype, options.device ?? getDefaultDevice());
}

/** `base` to the power of `steps` numbers evenly from start to end. */
export function logspace(start: number, end: number, steps: number, options: TensorOptions & { base?: number } = {}): Tensor {
  const { base = 10, ...rest } = options;
  const exponents = linspace(start, end, steps, { ...rest, dtype: 'float64' });
  return cast(exponents.mul(Math.log(base)).exp(), options.dtype ?? 'float32');
}

/** The identity matrix of n rows and m columns (n when missing). */
export function eye(n: number, m?: number | TensorOptions, options?: TensorOptions): Tensor {
  const columns = typeof m === 'number' ? m : n;
  const all = (typeof m === 'object' ? m : options) ?? {};
  const [r, c] = checkShape('eye', [n, columns]);
  const device = all.device ?? getDefaultDevice();
  return cast(
    arange(r, { dtype: 'int32', device })
      .unsqueeze(1)
      .eq(arange(c, { dtype: 'int32', device })),
    all.dtype ?? 'float32',
  );
}

/** Uploads numbers as a tensor, converting each once. */
export function fromNumbers(values: ArrayLike<number>, shape: Shape, dtype: DType, device: Device): Tensor {
  const bytes = new Uint8Array(values.length * bytesOf(dtype));
  const target = typedArray(dtype, bytes.buffer, 0, values.length);
  if (dtype === 'float32' || dtype === 'float64' || dtype === 'int32') (target as Float32Array).set(values);
  else for (let i = 0; i < values.length; i++) writeElement(dtype, target, i, values[i]);
  return fromBytes(bytes, shape, dtype, device, 'tensor');
}

/** A tensor of elements as they lie in memory. The bytes are copied. */
export function fromBytes(bytes: Uint8Array, shape: Shape, dtype: DType, device: Device, origin: string): Tensor {
  if (!device.supports(dtype))
    throw new DTypeError({ op: origin, expected: `a dtype that the device ${device.name} can store`, received: dtype });
  const storage = new Storage(device, bytes.byteLength, origin);
  track(storage);
  device.upload(storage, bytes, 0);
  return new Tensor(storage, dtype, shape, contiguousStrides(shape), 0, numel(shape));
}

const typedArrayDType = (array: unknown): DType | undefined => {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof Int32Array) return 'int32';
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return 'uint8';
  if (array instanceof Int8Array) return 'int8';
  if (array instanceof Int16Array) return 'int16';
  if (array instanceof BigInt64Array) return 'int64';
  return undefined;
};
const bytesOfArray = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/**
 * A tensor of a number, nested arrays, or a typed array (one-dimensional). Numbers give float32, booleans bool, a typed array its own dtype,
 * unless `dtype` says otherwise. The data is copied; see `fromArray` for sharing.
 * @throws ShapeError when rows differ in length, ArgumentError when something is not a number.
 */
export function tensor(data: NestedArray | TypedArray | Tensor, options: TensorOptions = {}): Tensor {
  const device = options.device ?? getDefaultDevice();
  if (data instanceof Tensor) return to(data.clone(), options.device ?? data.device, options.dtype ?? data.dtype);
  const stored = typedArrayDType(data);
  if (stored !== undefined) {
    const made = fromBytes(bytesOfArray(data as TypedArray), [(data as TypedArray).length], stored, device, 'tensor');
    return options.dtype === undefined ? made : cast(made, checkDType('tensor', options.dtype));
  }
  const shape: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat: (number | boolean | bigint)[] = [];
  flattenInto(data as NestedArray, shape, 0, flat);
  const kind =
    flat.length > 0 && flat.every((v) => typeof v === 'boolean')
      ? 'bool'
      : flat.length > 0 && flat.every((v) => typeof v === 'bigint')
        ? 'int64'
        : 'float32';
  const dtype = options.dtype === undefined ? kind : checkDType('tensor', options.dtype);
  if (dtype === 'int64') {
    const exact = BigInt64Array.from(flat, (v) => (typeof v === 'number' ? BigInt(Math.trunc(v)) : BigInt(v)));
    return fromBytes(bytesOfArray(exact), shape, dtype, device, 'tensor');
  }
  return fromNumbers(Float64Array.from(flat, Number), shape, dtype, device);
}

function flattenInto(data: NestedArray, shape: Shape, level: number, out: (number | boolean | bigint)[]): void {
  if (level === shape.length) {
    if (typeof data !== 'number' && typeof data !== 'boolean' && typeof data !== 'bigint') {
      if (Array.isArray(data))
        throw new ShapeError({ op: 'tensor', expected: `${shape.length} levels of nesting everywhere`, received: 'more' });
      throw new ArgumentError({ op: 'tensor', expected: 'numbers, booleans, bigints, or arrays of them', received: describe(data) });
    }
    out.push(data);
    return;
  }
  if (!Array.isArray(data) || data.length !== shape[level]) {
    throw new ShapeError({
      op: 'tensor',
      expected: `every array at level ${level} to have ${shape[level]} elements`,
      received: Array.isArray(data) ? `one of ${data.length}` : describe(data),
      hint: 'Pad the rows to one length first.',
    });
  }
  for (const item of data) flattenInto(item as NestedArray, shape, level + 1, out);
}

/** A one-dimensional tensor over the memory of a typed array where the device can share it (then both see changes), else a copy. */
export function fromArray(array: TypedArray, options: { device?: Device } = {}): Tensor {
  const device = options.device ?? getDefaultDevice();
  const dtype = typedArrayDType(array);
  if (dtype === undefined) throw new ArgumentError({ op: 'fromArray', expected: 'a typed array of a dtype', received: describe(array) });
  const handle = device.adopt?.(bytesOfArray(array));
  if (handle === undefined) return fromBytes(bytesOfArray(array), [array.length], dtype, device, 'fromArray');
  return new Tensor(new Storage(device, array.byteLength, 'fromArray', handle), dtype, [array.length], [1], 0, array.length);
}

/** A one-dimensional int32 tensor on the device of x. */
export const newInt32 = (x: Tensor, values: Int32Array): Tensor =>
  fromBytes(bytesOfArray(values), [values.length], 'int32', x.device, 'newInt32');

/** A tensor as it is, anything else through `tensor`. */
export const asTensor = (data: Tensor | NestedArray | TypedArray, options?: TensorOptions): Tensor =>
  data instanceof Tensor ? to(data, options?.device ?? data.device, options?.dtype ?? data.dtype) : tensor(data, options);

/** The largest and smallest numbers that a dtype holds, as torch.iinfo and torch.finfo have them. */
export const limits = (dtype: DType): { min: number; max: number } => ({
  min: dtypes[checkDType('limits', dtype)].min,
  max: dtypes[dtype].max,
});
