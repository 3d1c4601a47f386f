import { readFileSync } from 'node:fs';
import { bytesOf, fromBytes, isFloat, readElement, tensor, typedArray, type Device, type DType, type Tensor } from '@flambeau/core';

const dtypeOf: Readonly<Record<string, DType>> = {
  BOOL: 'bool',
  U8: 'uint8',
  I8: 'int8',
  I16: 'int16',
  I32: 'int32',
  U32: 'uint32',
  I64: 'int64',
  F16: 'float16',
  BF16: 'bfloat16',
  F32: 'float32',
  F64: 'float64',
};

/** One tensor of a pack, as it lies in the file. */
export interface Entry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The tensors of a safetensors file: 8 bytes of header length, a JSON header, the data. */
export class Pack {
  private readonly entries = new Map<string, Entry>();

  constructor(file: string) {
    const bytes = readFileSync(file);
    const headerLength = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    for (const [name, { dtype, shape, data_offsets: [from, to] = [0, 0] }] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      // A copy, so that every typed array over it is aligned.
      this.entries.set(name, {
        dtype: dtypeOf[dtype],
        shape,
        bytes: new Uint8Array(bytes.subarray(8 + headerLength + from, 8 + headerLength + to)),
      });
    }
  }

  entry(id: number): Entry {
    const found = this.entries.get(String(id));
    if (found === undefined) throw new Error(`the pack has no tensor ${id}`);
    return found;
  }

  /** The elements as numbers, or as bigints for int64. */
  values(id: number): ArrayLike<number | bigint> {
    const { dtype, bytes } = this.entry(id);
    const stored = typedArray(dtype, bytes.buffer, 0, bytes.byteLength / bytesOf(dtype));
    return dtype === 'int64'
      ? (stored as BigInt64Array)
      : Float64Array.from({ length: stored.length }, (_, i) => readElement(dtype, stored, i));
  }

  /** A fresh tensor of an entry. Where the device has no int64, indices come as int32, and where it has no float64, floats as float32. */
  tensor(id: number, device: Device): Tensor {
    const { dtype, shape, bytes } = this.entry(id);
    if (dtype === 'int64' && !device.supports('int64')) {
      const numbers = Int32Array.from(new BigInt64Array(bytes.buffer, 0, bytes.byteLength / 8), Number);
      return tensor(numbers, { device }).reshape(shape);
    }
    if (dtype === 'float64' && !device.supports('float64'))
      return tensor(Float32Array.from(new Float64Array(bytes.buffer, 0, bytes.byteLength / 8)), { device }).reshape(shape);
    return fromBytes(bytes, shape, dtype, device, 'case');
  }
}

/** bool, integer or float. */
export const kindOf = (dtype: DType): 'bool' | 'integer' | 'float' => (dtype === 'bool' ? 'bool' : isFloat(dtype) ? 'float' : 'integer');
