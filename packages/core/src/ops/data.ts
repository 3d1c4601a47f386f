import { readOptions } from '../call.ts';
import { checkInput } from '../checks.ts';
import { deviceOf, getDefaultDevice } from '../device.ts';
import { bytesOf, checkDType, typedArray, writeElement, type DType, type TypedArray } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, describe } from '../errors.ts';
import { contiguousStrides } from '../layout.ts';
import { track } from '../memory.ts';
import type { Device } from '../seam.ts';
import { numel, type Shape } from '../shape.ts';
import { Storage } from '../storage.ts';
import { Tensor } from '../tensor.ts';
import { cast, to } from './cast.ts';
import { asLeaf, checkOptions, type NestedArray, type TensorOptions } from './creation.ts';

// Tensors of data that the host has.

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
  if (array instanceof Uint32Array) return 'uint32';
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
  checkOptions('tensor', options);
  return asLeaf(fromData(data, options), options);
}

function fromData(data: NestedArray | TypedArray | Tensor, options: TensorOptions): Tensor {
  if (data instanceof Tensor) return to(data.clone(), options.device ?? data.device, options.dtype ?? data.dtype);
  const device = deviceOf('tensor', options);
  const stored = typedArrayDType(data);
  if (stored !== undefined) {
    // What the device cannot store is converted here.
    if (options.dtype !== undefined && !device.supports(stored))
      return fromNumbers(Float64Array.from(data as ArrayLike<number>, Number), [(data as TypedArray).length], checkDType('tensor', options.dtype), device); // prettier-ignore
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
  const device = readOptions<{ device?: Device }>('fromArray', options, ['device']).device ?? getDefaultDevice();
  const dtype = typedArrayDType(array);
  if (dtype === undefined) throw new ArgumentError({ op: 'fromArray', expected: 'a typed array of a dtype', received: describe(array) });
  const handle = device.adopt?.(bytesOfArray(array));
  if (handle === undefined) return fromBytes(bytesOfArray(array), [array.length], dtype, device, 'fromArray');
  return new Tensor(new Storage(device, array.byteLength, 'fromArray', handle), dtype, [array.length], [1], 0, array.length);
}

/** A one-dimensional int32 tensor on the device of x. */
export function newInt32(x: Tensor, values: Int32Array): Tensor {
  if (!(values instanceof Int32Array)) throw new ArgumentError({ op: 'newInt32', expected: 'an Int32Array', received: describe(values) });
  return fromBytes(bytesOfArray(values), [values.length], 'int32', checkInput('newInt32', x).device, 'newInt32');
}

/** A tensor as it is, anything else through `tensor`. */
export const asTensor = (data: Tensor | NestedArray | TypedArray, options?: TensorOptions): Tensor =>
  data instanceof Tensor ? to(data, options?.device ?? data.device, options?.dtype ?? data.dtype) : tensor(data, options);

/** The tensor over a typed array's memory that `fromArray` gives, by PyTorch's name. */
export const fromNumpy = (array: TypedArray): Tensor => fromArray(array);

/** What `asarray` takes. */
export interface AsarrayOptions extends TensorOptions {
  /** True makes a copy whatever comes; when missing, one is made where it is needed. False refuses where a copy is needed. */
  copy?: boolean | null;
}

/**
 * A tensor as it is, a typed array over its own memory where the device can share it, anything else through `tensor`.
 * @throws ArgumentError for `copy: false` where only a copy can be had
 */
export function asarray(data: Tensor | NestedArray | TypedArray, options: AsarrayOptions = {}): Tensor {
  const { copy, requiresGrad, ...rest } = readOptions<AsarrayOptions>('asarray', options, ['copy', 'dtype', 'device', 'requiresGrad']);
  const made =
    copy === true
      ? tensor(data, rest)
      : typedArrayDType(data) !== undefined && (rest.dtype ?? typedArrayDType(data)) === typedArrayDType(data)
        ? fromArray(data as TypedArray, rest.device === undefined ? {} : { device: rest.device })
        : asTensor(data, rest);
  if (copy === false && made !== data && !(ArrayBuffer.isView(data) && made.storage.origin === 'fromArray'))
    throw new ArgumentError({ op: 'asarray', expected: 'data that can be shared', received: describe(data), hint: 'Leave copy out.' });
  return asLeaf(made, requiresGrad === undefined ? {} : { requiresGrad });
}
