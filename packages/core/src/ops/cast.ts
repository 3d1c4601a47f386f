import { checkInput } from '../checks.ts';
import { checkDevice } from '../device.ts';
import { dispatchOne } from '../dispatch.ts';
import { bytesOf, checkDType, isFloat, promoteScalar, promoteTypes, type DType } from '../dtype.ts';
import { ArgumentError, AsyncOnlyError, describe } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import type { Device } from '../seam.ts';
import { Storage } from '../storage.ts';
import { track } from '../memory.ts';
import { Tensor } from '../tensor.ts';
import { contiguous } from './views.ts';

export const castOp: Op<{ dtype: DType }> = defineOp({
  name: 'cast',
  moves: true,
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  kernel: (k, [x], [out]) => k.copy(x, out),
  vjp: ({ cotangents: [g], inputs: [x] }) => [g && isFloat(x.dtype) ? cast(g, x.dtype) : undefined],
});

/** x with elements of another dtype; x itself when it has it already. */
export const cast = (x: Tensor, dtype: DType): Tensor => (checkInput('cast', x).dtype === dtype ? x : dispatchOne(castOp, [x], { dtype }));

/** Integers and bools as float32; floats as they are. */
export const toFloat = (x: Tensor): Tensor => (isFloat(checkInput('toFloat', x).dtype) ? x : cast(x, 'float32'));

/**
 * The dtype of an operation on both, PyTorch's `result_type`: a scalar tensor counts only when its kind (bool, integer, float) is higher.
 */
export function resultType(a: Tensor | number | boolean, b: Tensor | number | boolean): DType {
  if (!(a instanceof Tensor)) return b instanceof Tensor ? promoteScalar(b.dtype, a) : 'float32';
  if (!(b instanceof Tensor)) return promoteScalar(a.dtype, b);
  if (a.dtype === b.dtype) return a.dtype;
  if ((a.shape.length === 0) === (b.shape.length === 0)) return promoteTypes(a.dtype, b.dtype);
  const [full, scalar] = a.shape.length === 0 ? [b, a] : [a, b];
  const kind = (d: DType): number => (isFloat(d) ? 2 : d === 'bool' ? 0 : 1);
  return kind(scalar.dtype) > kind(full.dtype) ? scalar.dtype : full.dtype;
}

export const toDeviceOp: Op<{ target: Device }> = defineOp({
  name: 'toDevice',
  compose([x], { target }) {
    const { device } = x;
    if (device.downloadSync === undefined) {
      throw new AsyncOnlyError({
        op: 'to',
        expected: 'a device that can be read without waiting',
        received: device.name,
        hint: `Use await x.toAsync(${target.name}).`,
      });
    }
    const packed = contiguous(x);
    const width = bytesOf(x.dtype);
    return [upload(target, x, device.downloadSync(packed.storage, packed.offset * width, packed.count * width))];
  },
  vjp: ({ cotangents: [g], saved: [x] }) => [g && dispatchOne(toDeviceOp, [g], { target: x.device })],
  save: (inputs) => inputs,
});

function upload(target: Device, like: Tensor, bytes: Uint8Array): Tensor {
  const storage = new Storage(target, bytes.byteLength, 'to');
  track(storage);
  target.upload(storage, bytes, 0);
  const strides = contiguous(like).strides;
  return new Tensor(storage, like.dtype, like.shape, strides, 0, like.count);
}

const isDevice = (value: unknown): value is Device =>
  typeof value === 'object' && value !== null && typeof (value as Device).allocate === 'function';

/**
 * The tensor in another dtype, on another device, or as another tensor has it; itself when nothing changes. A gradient flows back through both.
 * @throws DTypeError for an unknown dtype, AsyncOnlyError from a device that only reads asynchronously (use `toAsync`).
 */
export function to(x: Tensor, ...targets: (DType | Device | Tensor)[]): Tensor {
  let out = x;
  for (const target of targets) {
    if (target instanceof Tensor) out = to(out, target.device, target.dtype);
    else if (isDevice(target)) out = target === out.device ? out : dispatchOne(toDeviceOp, [out], { target });
    else if (typeof target === 'string') out = cast(out, checkDType('to', target));
    else throw new ArgumentError({ op: 'to', expected: 'a dtype, a device or a tensor', received: describe(target) });
  }
  return out;
}

/** As `to`, also from a device that only reads asynchronously. The copy is detached from the graph there. */
export async function toAsync(x: Tensor, target: Device): Promise<Tensor> {
  checkInput('toAsync', x);
  if (x.device === checkDevice('toAsync', target)) return x;
  if (x.device.downloadSync !== undefined) return to(x, target);
  const packed = contiguous(x);
  const width = bytesOf(x.dtype);
  return upload(target, x, await x.device.download(packed.storage, packed.offset * width, packed.count * width));
}

// Casts by PyTorch's names.

type CastMethod = (x: Tensor) => Tensor;
const castTo =
  (dtype: DType): CastMethod =>
  (x) =>
    cast(x, dtype);
/** x as float32. */
export const float: CastMethod = castTo('float32');
/** x as float64. */
export const double: CastMethod = castTo('float64');
/** x as float16. */
export const half: CastMethod = castTo('float16');
/** x as bfloat16. */
export const bfloat16: CastMethod = castTo('bfloat16');
/** x as int32. */
export const int: CastMethod = castTo('int32');
/** x as int64. */
export const long: CastMethod = castTo('int64');
/** x as int16. */
export const short: CastMethod = castTo('int16');
/** x as int8. */
export const char: CastMethod = castTo('int8');
/** x as uint8. */
export const byte: CastMethod = castTo('uint8');
/** x as bool. */
export const bool: CastMethod = castTo('bool');
