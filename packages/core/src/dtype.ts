import { DTypeError, describe } from './errors.ts';

export type TypedArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

type Kind = 'bool' | 'integer' | 'float';

interface DTypeInfo {
  readonly kind: Kind;
  readonly bytes: number;
  /** The order of promotion within a kind. */
  readonly rank: number;
  readonly min: number;
  readonly max: number;
}

/**
 * Every element type. float16 and bfloat16 are stored as their 16 bits; arithmetic on them runs in float32 and rounds once.
 */
export const dtypes = {
  bool: { kind: 'bool', bytes: 1, rank: 0, min: 0, max: 1 },
  uint8: { kind: 'integer', bytes: 1, rank: 1, min: 0, max: 255 },
  int8: { kind: 'integer', bytes: 1, rank: 2, min: -128, max: 127 },
  int16: { kind: 'integer', bytes: 2, rank: 3, min: -32768, max: 32767 },
  int32: { kind: 'integer', bytes: 4, rank: 4, min: -(2 ** 31), max: 2 ** 31 - 1 },
  uint32: { kind: 'integer', bytes: 4, rank: 5, min: 0, max: 2 ** 32 - 1 },
  int64: { kind: 'integer', bytes: 8, rank: 6, min: -(2 ** 63), max: 2 ** 63 },
  float16: { kind: 'float', bytes: 2, rank: 7, min: -65504, max: 65504 },
  bfloat16: { kind: 'float', bytes: 2, rank: 8, min: -3.3895313892515355e38, max: 3.3895313892515355e38 },
  float32: { kind: 'float', bytes: 4, rank: 9, min: -3.4028234663852886e38, max: 3.4028234663852886e38 },
  float64: { kind: 'float', bytes: 8, rank: 10, min: -Number.MAX_VALUE, max: Number.MAX_VALUE },
} as const satisfies Record<string, DTypeInfo>;

/** The element type of a tensor, by PyTorch's name. */
export type DType = keyof typeof dtypes;

export const dtypeNames: readonly DType[] = Object.keys(dtypes) as DType[];

// Asked several times in each call: the dtype of most tensors is compared before a table is searched by name.
/** Bytes of one element. */
export const bytesOf = (dtype: DType): number => (dtype === 'float32' ? 4 : (dtypes[dtype] ?? unknownDType(dtype)).bytes);
export const isFloat = (dtype: DType): boolean => dtype === 'float32' || (dtypes[dtype] ?? unknownDType(dtype)).kind === 'float';
/** True for integers without bool. */
export const isInteger = (dtype: DType): boolean => dtypes[dtype].kind === 'integer';
export const isBool = (dtype: DType): boolean => dtype === 'bool';

function unknownDType(dtype: unknown): never {
  throw new DTypeError({ op: 'dtype', expected: `a tensor, or one of ${dtypeNames.join(', ')}`, received: describe(dtype) });
}

/** @throws DTypeError when `dtype` is not the name of an element type. */
export function checkDType(op: string, dtype: unknown): DType {
  if (typeof dtype === 'string' && Object.hasOwn(dtypes, dtype)) return dtype as DType;
  throw new DTypeError({ op, expected: `dtype must be one of ${dtypeNames.join(', ')}`, received: describe(dtype) });
}

/**
 * The dtype that holds both, by PyTorch's promotion: the wider of two of a kind, float over integer over bool;
 * uint8 with a signed integer of its size gives int16, float16 with bfloat16 gives float32. uint32 gives way to floats and holds bools.
 * @see https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
 * @throws DTypeError for uint32 with another integer, which PyTorch does not promote either
 */
export function promoteTypes(a: DType, b: DType): DType {
  checkDType('promoteTypes', a);
  checkDType('promoteTypes', b);
  if (a === b) return a;
  if ((a === 'uint8' && b === 'int8') || (a === 'int8' && b === 'uint8')) return 'int16';
  if ((a === 'float16' && b === 'bfloat16') || (a === 'bfloat16' && b === 'float16')) return 'float32';
  if ((a === 'uint32' && isInteger(b)) || (b === 'uint32' && isInteger(a))) {
    const hint = "Cast both to a dtype that holds them: x.to('int64').";
    throw new DTypeError({ op: 'promoteTypes', expected: 'uint32 with uint32, bools or floats', received: `${a} and ${b}`, hint });
  }
  return dtypes[a].rank > dtypes[b].rank ? a : b;
}

/**
 * The dtype of a tensor combined with a JavaScript number or boolean. A number is a weak scalar: a float tensor keeps its dtype;
 * an integer tensor keeps its own for an integral number and becomes float32 for any other.
 */
export function promoteScalar(dtype: DType, value: number | boolean | bigint): DType {
  if (typeof value === 'boolean' || isFloat(dtype)) return dtype;
  const integral = typeof value === 'bigint' || Number.isInteger(value);
  if (!integral) return 'float32';
  return dtype === 'bool' ? 'int32' : dtype;
}

/** A new typed array that stores elements of `dtype` as they lie in memory (16-bit floats as Uint16Array). */
export function typedArray(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray {
  switch (dtype) {
    case 'bool':
    case 'uint8':
      return new Uint8Array(buffer, byteOffset, length);
    case 'int8':
      return new Int8Array(buffer, byteOffset, length);
    case 'int16':
      return new Int16Array(buffer, byteOffset, length);
    case 'int32':
      return new Int32Array(buffer, byteOffset, length);
    case 'uint32':
      return new Uint32Array(buffer, byteOffset, length);
    case 'int64':
      return new BigInt64Array(buffer, byteOffset, length);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(buffer, byteOffset, length);
    case 'float32':
      return new Float32Array(buffer, byteOffset, length);
    case 'float64':
      return new Float64Array(buffer, byteOffset, length);
    default:
      return dtype satisfies never;
  }
}

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** Rounds a float32 pattern, given as a number, to bfloat16 bits, to nearest even. */
export function toBfloat16Bits(value: number): number {
  scratchFloat[0] = value;
  const bits = scratchBits[0];
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number whose bfloat16 has these 16 bits. */
export function fromBfloat16Bits(bits: number): number {
  scratchBits[0] = bits << 16;
  return scratchFloat[0];
}

/** Rounds a number to float16 bits (IEEE binary16), to nearest even. */
export function toFloat16Bits(value: number): number {
  scratchFloat[0] = value;
  const bits = scratchBits[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: the value is a multiple of 2^-24, rounded by the addition of 0.5 in float arithmetic.
    scratchBits[0] = magnitude;
    const scaled = scratchFloat[0] * 2 ** 24;
    const floor = Math.floor(scaled);
    const rest = scaled - floor;
    return sign | (rest > 0.5 || (rest === 0.5 && (floor & 1) === 1) ? floor + 1 : floor);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** The number whose float16 has these 16 bits. */
export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Reads element `i` of stored elements of `dtype` as a number (int64 loses precision past 2^53). */
export function readElement(dtype: DType, array: TypedArray, i: number): number {
  const raw = array[i];
  if (dtype === 'float16') return fromFloat16Bits(raw as number);
  if (dtype === 'bfloat16') return fromBfloat16Bits(raw as number);
  return typeof raw === 'bigint' ? Number(raw) : raw;
}

/** Stores a number as element `i` of `dtype`: floats round, integers truncate towards zero and wrap, bool is `value != 0`. */
export function writeElement(dtype: DType, array: TypedArray, i: number, value: number): void {
  if (dtype === 'int64') {
    (array as BigInt64Array)[i] = Number.isFinite(value) ? BigInt(Math.trunc(value)) : -(2n ** 63n);
  } else if (dtype === 'bool') array[i] = value !== 0 ? 1 : 0;
  else if (dtype === 'float16') array[i] = toFloat16Bits(value);
  else if (dtype === 'bfloat16') array[i] = toBfloat16Bits(value);
  else array[i] = value;
}
