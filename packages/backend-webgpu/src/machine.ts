import { bytesOf, type Operand } from '@flambeau/core';
import type { Region } from './pool.ts';
import type { CommandQueue } from './queue.ts';

/** What kernels are made with. */
export interface Machine {
  readonly queue: CommandQueue;
  /** The buffer of a tensor. */
  regionOf(x: Operand): Region;
  readonly limits: Limits;
  /** True for adapters that run on the CPU: no memory is shared by a workgroup there, and a barrier is dear. */
  readonly software: boolean;
  /** True where buffers of 16-bit floats can be bound as such: threads write their elements without sharing words. */
  readonly float16: boolean;
}

/** The limits of the adapter that kernels respect. */
export interface Limits {
  readonly maxStorageBufferBindingSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxStorageBuffersPerShaderStage: number;
}

/** The first and the last element that a layout touches. */
export function reachOf({ shape, strides, offset }: Operand): [number, number] {
  let [low, high] = [offset, offset];
  shape.forEach((n, d) => {
    const span = (n - 1) * strides[d];
    if (span < 0) low += span;
    else high += span;
  });
  return [low, high];
}

/** True when a shader can bind what an operand touches. */
export function isBindable(x: Operand, { maxStorageBufferBindingSize }: Limits): boolean {
  if (x.storage.byteLength + 256 <= maxStorageBufferBindingSize || x.count === 0) return true;
  const [low, high] = reachOf(x);
  // A window begins at a multiple of 256 bytes.
  return (high - low + 1) * bytesOf(x.dtype) + 512 <= maxStorageBufferBindingSize;
}
