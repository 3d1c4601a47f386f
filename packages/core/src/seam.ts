import type { DType } from './dtype.ts';
import type { Layout } from './layout.ts';
import type { Storage } from './storage.ts';

/** Elementwise functions of one tensor that every backend computes. */
export const unaryNames = [
  'neg', 'abs', 'sign', 'ceil', 'floor', 'round', 'trunc', 'sqrt', 'rsqrt', 'reciprocal', 'square', 'exp', 'exp2', 'expm1', 'log', 'log2',
  'log10', 'log1p', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'sigmoid', 'relu', 'erf',
  'erfc', 'isnan', 'isinf', 'logicalNot', 'bitwiseNot', 'signbit',
] as const; // prettier-ignore
export type UnaryName = (typeof unaryNames)[number];

/** Elementwise functions of two tensors of one dtype. The comparing and the logical ones give bool. */
export const binaryNames = [
  'add', 'sub', 'mul', 'div', 'floorDivide', 'truncDivide', 'remainder', 'fmod', 'pow', 'maximum', 'minimum', 'atan2', 'copysign', 'nextafter',
  'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'logicalAnd', 'logicalOr', 'logicalXor', 'bitwiseAnd', 'bitwiseOr', 'bitwiseXor', 'shiftLeft', 'shiftRight',
] as const; // prettier-ignore
export type BinaryName = (typeof binaryNames)[number];

export type ReduceName = 'sum' | 'prod' | 'max' | 'min' | 'any' | 'all';
export type ScanName = 'sum' | 'prod' | 'max' | 'min';
export type ScatterName = 'set' | 'add' | 'prod' | 'max' | 'min';
export type RandomName = 'uniform' | 'normal';

/** A tensor as a kernel sees it. */
export interface Operand extends Layout {
  readonly storage: Storage;
  readonly dtype: DType;
  /** The number of elements. */
  readonly count: number;
}

/**
 * What every backend must compute; everything else composes from these. Outputs are allocated by core, contiguous and of the right shape
 * and dtype, and never overlap an input unless a kernel says otherwise; `copy`, `fill`, `iota` and the elementwise kernels also write into
 * strided views, which may be an input itself (the same elements in the same order). Inputs come with any strides, 0 for a broadcast dimension.
 */
export interface RequiredKernels {
  /** Every element becomes `value`, converted to the dtype of `out`. */
  fill(out: Operand, value: number | bigint): void;
  /** Element i of the one-dimensional `out` becomes `start + i·step`, computed in float64 and then converted. */
  iota(out: Operand, start: number, step: number): void;
  /** Counter-based random numbers: Philox 4x32-10 of `key`, as `random/philox.ts` defines them. `out` is float32 and contiguous. */
  random(name: RandomName, out: Operand, key: readonly [number, number]): void;
  /** Copies equal shapes, converting the dtype: floats to integers truncate, anything to bool is `x != 0`. */
  copy(x: Operand, out: Operand): void;
  unary(name: UnaryName, x: Operand, out: Operand): void;
  /** One side may be a number, converted to the dtype of the other. Integer division by zero throws a ValueError. */
  binary(name: BinaryName, a: Operand | number, b: Operand | number, out: Operand): void;
  /** `condition ? a : b`. */
  where(condition: Operand, a: Operand | number, b: Operand | number, out: Operand): void;
  /** Reduces `dims` (sorted), which have size 1 in `out`. An empty max or min does not reach a kernel. NaN wins in max and min. */
  reduce(name: ReduceName, x: Operand, out: Operand, dims: readonly number[]): void;
  /** The int32 index of the first extreme along `dim` (NaN is the extreme); `dim` has size 1 in `out`. */
  argReduce(name: 'max' | 'min', x: Operand, out: Operand, dim: number): void;
  /** Running sum, product, or extreme along `dim`; an extreme also writes the int32 index of the last element that reached it. */
  scan(name: ScanName, x: Operand, out: Operand, indices: Operand | undefined, dim: number): void;
  /** `out[..., M, N] = a[..., M, K] @ b[..., K, N]`; batch dimensions are equal. */
  matmul(a: Operand, b: Operand, out: Operand): void;
  /** `out[i] = x[i with index[i] in dim]`; index is int32 or int64, out has its shape. An index outside throws an IndexError. */
  gather(x: Operand, dim: number, index: Operand, out: Operand): void;
  /** `target[i with index[i] in dim] ∘= src[i]`, in the order of i, in place. An index outside throws, and nothing is written. */
  scatter(name: ScatterName, target: Operand, dim: number, index: Operand, src: Operand): void;
  /** Stable sort along `dim` with int32 indices; NaN counts as larger than every number. */
  sort(x: Operand, dim: number, descending: boolean, values: Operand, indices: Operand): void;
  /** Adds x into an overlapping layout of `out`: `out[layout.offset + Σ i[d]·layout.strides[d]] += x[i]`. `out` is zeroed first. */
  fold(x: Operand, out: Operand, strides: readonly number[], offset: number): void;
}

/** A kernel that a backend offers for an op by name, in place of the op's required kernel or composition. */
export interface OptionalKernel {
  /** False when the kernel cannot take this call; core then uses the required kernel or composes. */
  accepts?(inputs: readonly Operand[], attrs: unknown, scalars: readonly number[]): boolean;
  run(inputs: readonly Operand[], outputs: readonly Operand[], attrs: unknown, scalars: readonly number[]): void;
}

/** Bytes that a device holds for tensors. */
export interface MemoryInfo {
  /** Bytes of tensors that are reachable or not yet collected. */
  readonly liveBytes: number;
  /** The largest that liveBytes was seen to be. */
  readonly peakBytes: number;
  /** Storages that were allocated and neither released nor collected; within a synchronous loop, where no finalizer runs, it may be an estimate. */
  readonly liveCount: number;
  /** Bytes that were released and wait in a pool to be used again. */
  readonly pooledBytes: number;
}

/** Where another thread imports a device from: a module's address, and the name of its export. */
export interface DeviceSource {
  readonly module: string;
  readonly name: string;
}

/** Times what a device computes on its own clock. */
export interface DeviceTimer {
  /** What is asked of the device from here on is counted under this number. */
  mark(run: number): void;
  /** Ends the timing; resolves to the milliseconds that the device took, by number, when it is done with all of it. */
  end(): Promise<ReadonlyMap<number, number>>;
}

/** A place where tensors live and ops run: what a backend package exports. */
export interface Device {
  /** `cpu`, `reference`, `webgpu`; shown in messages and printed tensors. */
  readonly name: string;
  /** What computes behind it, where there is a choice: `native avx512`, `wasm simd128`; shown by `profile`. */
  readonly engine?: string;
  /** How the workers of a DataLoader get such a device of their own; without it they are given one by the module of their dataset. */
  readonly source?: DeviceSource;
  /** True when values can be read without waiting. */
  readonly synchronous: boolean;
  /** Where random fills come from: PyTorch's streams made by the host, or Philox keys drawn from them. */
  readonly randomSource: 'host' | 'device';
  /** True when tensors of this dtype can be stored. */
  supports(dtype: DType): boolean;
  /** True when kernels compute in this dtype; otherwise core casts up, runs and casts back. */
  computes(dtype: DType): boolean;
  /** Memory for a storage; its content is arbitrary. The result becomes `storage.handle`. `origin` is the op that asks, for messages. */
  allocate(byteLength: number, origin?: string): unknown;
  /** Takes the memory of a storage back at once. */
  release(storage: Storage): void;
  /** Takes a typed array's bytes as a handle without a copy, where the device can; undefined where it cannot. */
  adopt?(bytes: Uint8Array): unknown;
  /** Writes bytes from the host into a storage. */
  upload(storage: Storage, bytes: Uint8Array, byteOffset: number): void;
  /** A copy of the bytes of a storage. */
  download(storage: Storage, byteOffset: number, byteLength: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The same without waiting, as a window on memory that is valid only until the next call into Flambeau; only on synchronous devices. */
  downloadSync?(storage: Storage, byteOffset: number, byteLength: number): Uint8Array;
  /** True when the window of `downloadSync` stays where it is, and is the storage's own memory, for as long as the storage is pinned. */
  readonly stableBytes?: boolean;
  /** Resolves when everything that was asked of the device is done. */
  synchronize(): Promise<void>;
  /**
   * Computes outputs on the host, in the order of the ops around it, without waiting: `compute` is called with the values of the inputs once they are
   * there. Only on devices that read asynchronously; what `compute` throws, the next read throws.
   */
  onHost?(inputs: readonly Operand[], outputs: readonly Operand[], compute: (values: readonly Float64Array[]) => readonly ArrayLike<number>[]): void; // prettier-ignore
  /** A pause that a loop makes every few steps: resolves when the device has kept up, and memory that nobody reaches was given back. */
  turn?(): Promise<void>;
  /** Called where a walk back has just made garbage of much: memory that nobody reaches may be taken back. */
  sweep?(): void;
  /** Begins to time what is asked of the device; undefined while another timer runs. Only on devices that have a clock of their own. */
  timer?(): DeviceTimer | undefined;
  memory(): MemoryInfo;
  readonly kernels: RequiredKernels;
  /** Kernels of ops, by op name. */
  readonly optional: Readonly<Record<string, OptionalKernel>>;
}
