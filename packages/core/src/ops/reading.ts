import { checkInput } from '../checks.ts';
import { AsyncOnlyError, ArgumentError, ReleasedError, ShapeError, ValueError } from '../errors.ts';
import { bytesOf, fromBfloat16Bits, fromFloat16Bits, typedArray, type DType, type TypedArray } from '../dtype.ts';
import { showShape, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { contiguous } from './views.ts';

/** Values as JavaScript has them: bool gives booleans, everything else numbers. */
export type NestedValues = number | boolean | NestedValues[];

function checkAlive(op: string, x: Tensor): void {
  if (x.storage.released) {
    throw new ReleasedError({
      op,
      expected: 'a tensor that is still alive',
      received: `one made by ${x.storage.origin} that was released`,
      hint: 'Return it from the scope, or keep(tensor).',
    });
  }
}

/** 16-bit floats become float32; everything else stays as it lies. */
function decode(dtype: DType, stored: TypedArray): TypedArray {
  if (dtype === 'float16') return Float32Array.from(stored as Uint16Array, fromFloat16Bits);
  if (dtype === 'bfloat16') return Float32Array.from(stored as Uint16Array, fromBfloat16Bits);
  return stored;
}

function bytesSync(op: string, x: Tensor): Uint8Array {
  checkAlive(op, x);
  const packed = contiguous(x);
  const { device } = packed;
  if (device.downloadSync === undefined) {
    throw new AsyncOnlyError({
      op,
      expected: 'a device that can be read without waiting',
      received: device.name,
      hint: `Use await x.${op.replace('Sync', '')}().`,
    });
  }
  const width = bytesOf(x.dtype);
  return device.downloadSync(packed.storage, packed.offset * width, packed.count * width);
}

/** A copy of the elements in row-major order: the typed array of the dtype (float16 and bfloat16 as Float32Array). */
export function dataSync(x: Tensor): TypedArray {
  checkInput('dataSync', x);
  const bytes = bytesSync('dataSync', x).slice();
  return decode(x.dtype, typedArray(x.dtype, bytes.buffer, 0, x.count));
}

/**
 * The elements that a function cannot do without before it goes on.
 * @param hint - what to do on a device that is read with await
 * @throws AsyncOnlyError there, in the name of the function
 */
export function valuesNow(op: string, x: Tensor, hint = 'Move it to the CPU first: await x.toAsync(cpu).'): TypedArray {
  if (x.device.downloadSync === undefined)
    throw new AsyncOnlyError({ op, expected: 'a device that can be read without waiting', received: x.device.name, hint });
  return dataSync(x);
}

/** The promise of `dataSync`, on every device. `x.data()` is the same. */
export async function readData(x: Tensor): Promise<TypedArray> {
  checkInput('readData', x);
  checkAlive('data', x);
  if (x.device.downloadSync !== undefined) return dataSync(x);
  const packed = contiguous(x);
  const width = bytesOf(x.dtype);
  const bytes = await x.device.download(packed.storage, packed.offset * width, packed.count * width);
  return decode(x.dtype, typedArray(x.dtype, bytes.buffer, bytes.byteOffset, x.count));
}

function exactNumber(value: number | bigint): number {
  const n = Number(value);
  if (typeof value === 'bigint' && !Number.isSafeInteger(n)) {
    throw new ValueError({
      op: 'item',
      expected: 'an integer that a JavaScript number holds exactly (up to 2^53)',
      received: `${value}`,
      hint: 'Read it with data(), which gives a BigInt64Array.',
    });
  }
  return n;
}

function checkSingle(x: Tensor): void {
  if (x.count !== 1)
    throw new ShapeError({
      op: 'item',
      expected: 'a tensor of one element',
      received: showShape(x.shape),
      hint: 'Use toArray or data for more.',
    });
}

const elementOf = (dtype: DType, value: number | bigint): number | boolean => (dtype === 'bool' ? value !== 0 : exactNumber(value));

/**
 * The value of a tensor of one element: true or false of a bool tensor, else a number. The type says number, with which JavaScript's
 * arithmetic treats both; say `itemSync<boolean>()` where a bool is meant, and never compare it with 0 or 1.
 * @throws ShapeError for any other count
 */
export function itemSync(x: Tensor): number;
export function itemSync<Value extends number | boolean>(x: Tensor): Value;
export function itemSync(x: Tensor): number | boolean {
  checkInput('itemSync', x);
  checkSingle(x);
  const bytes = bytesSync('itemSync', x);
  const { dtype } = x;
  if (bytes.byteOffset % bytesOf(dtype) !== 0) return elementOf(dtype, dataSync(x)[0]);
  return elementOf(dtype, decode(dtype, typedArray(dtype, bytes.buffer, bytes.byteOffset, 1))[0]);
}

/** The promise of `itemSync`, on every device. */
export function item(x: Tensor): Promise<number>;
export function item<Value extends number | boolean>(x: Tensor): Promise<Value>;
export async function item(x: Tensor): Promise<number | boolean> {
  checkInput('item', x);
  checkSingle(x);
  return elementOf(x.dtype, (await readData(x))[0]);
}

function nest(values: TypedArray, dtype: DType, shape: Shape): NestedValues {
  let next = 0;
  const build = (level: number): NestedValues => {
    if (level === shape.length) {
      const value = values[next++];
      return dtype === 'bool' ? value !== 0 : exactNumber(value);
    }
    return Array.from({ length: shape[level] }, () => build(level + 1));
  };
  return build(0);
}

/** Nested arrays of the values. */
export const toArraySync = (x: Tensor): NestedValues => nest(dataSync(checkInput('toArraySync', x)), x.dtype, x.shape);

/** The promise of `toArraySync`, on every device. */
export const toArray = async (x: Tensor): Promise<NestedValues> => nest(await readData(checkInput('toArray', x)), x.dtype, x.shape);

/** Releases the memory of a tensor, and with it of all its views, at once. Using it afterwards throws. */
export function dispose(x: Tensor): void {
  checkInput('dispose', x);
  if (x.storage.pins > 0) {
    throw new ArgumentError({
      op: 'dispose',
      expected: 'a tensor that no graph needs',
      received: `one made by ${x.storage.origin} that backward would read`,
      hint: 'Call backward first, or compute it under noGrad.',
    });
  }
  x.storage.release();
}
