import { ArgumentError, describe, DeviceError, type Device } from '@flambeau/core';
import { environment, findAddon, processors } from '#platform';
import type { Block } from './block.ts';
import type { Engine } from './engine.ts';
import { requiredKernels } from './kernels.ts';
import { nativeEngine } from './nativeEngine.ts';
import { optionalKernels } from './optional/index.ts';
import { wasmEngine } from './wasmEngine.ts';

/** What runs on the CPU, and why nothing faster does. */
export interface CpuInfo {
  /** The addon, or the embedded WebAssembly. */
  readonly engine: 'native' | 'wasm';
  /** base (SSE2 or NEON), avx2 or avx512 of the addon; simd128 of WebAssembly. */
  readonly instructionSet: string;
  /** Threads that a kernel may use. */
  readonly threads: number;
  /** Where the addon was found; undefined for WebAssembly. */
  readonly path: string | undefined;
  /** Why faster engines were not taken; empty when the fastest runs. */
  readonly notes: readonly string[];
}

/** What a CPU device is made with. */
export interface CpuOptions {
  /** Takes a narrower instruction set than the processor has, to compare them. */
  readonly instructionSet?: string;
  /** Threads that a kernel may use, the caller among them: all processors by default. WebAssembly has one. */
  readonly threads?: number;
  /** Bytes up to which WebAssembly's memory grows before the oldest tensors are moved out of it. */
  readonly arenaBytes?: number;
}

/** A device together with what it runs on. */
export interface CpuDevice {
  readonly device: Device;
  readonly info: CpuInfo;
  /** Sets how many threads a kernel may use. @throws ArgumentError unless it is a positive integer */
  setThreads(count: number): void;
}

/** More threads than this only cost scratch memory. */
const mostThreads = 256;

interface Chosen {
  readonly engine: Engine;
  readonly kernels: Device['kernels'];
  readonly optional: Device['optional'];
  readonly path: string | undefined;
  readonly notes: readonly string[];
}

function chooseEngine(wanted: string | undefined, options: CpuOptions): Chosen {
  if (wanted !== undefined && wanted !== 'native' && wanted !== 'wasm') {
    throw new DeviceError({ op: 'cpu', expected: 'FLAMBEAU_CPU to be native or wasm', received: JSON.stringify(wanted) });
  }
  // An addon of other sources may lack kernels: they are all looked up before it is taken.
  const chosen = (engine: Engine, path: string | undefined, notes: readonly string[]): Chosen => ({
    engine,
    kernels: requiredKernels(engine),
    optional: optionalKernels(engine),
    path,
    notes,
  });
  const wasm = (notes: readonly string[]): Chosen => chosen(wasmEngine(options.arenaBytes), undefined, notes);
  if (wanted === 'wasm') return wasm(['wasm was asked for']);
  const search = findAddon();
  const reasons: string[] = [];
  if (search.addon === undefined) reasons.push(...search.reasons);
  else {
    try {
      const notes = options.instructionSet === undefined ? [] : [`${options.instructionSet} was asked for`];
      return chosen(nativeEngine(search.addon, options.instructionSet), search.path, notes);
    } catch (error) {
      reasons.push(`${search.path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (wanted === 'native') {
    throw new DeviceError({
      op: 'cpu',
      expected: 'the native engine',
      received: `none (${reasons.join('; ')})`,
      hint: 'Build it with `node packages/backend-cpu/scripts/build.mjs`, install the platform package, or take FLAMBEAU_CPU=wasm.',
    });
  }
  return wasm(reasons);
}

/**
 * Makes a CPU device of its own: the fastest engine, or the one that `engine` names.
 * @throws DeviceError when the native engine is asked for and cannot be loaded
 */
export function createCpuDevice(engine?: 'native' | 'wasm', options: CpuOptions = {}): CpuDevice {
  const chosen = chooseEngine(engine ?? environment('FLAMBEAU_CPU'), options);
  const { memory, name, instructionSet } = chosen.engine;
  const setThreads = (count: number): void => {
    if (!Number.isInteger(count) || count < 1 || count > mostThreads)
      throw new ArgumentError({ op: 'setNumThreads', expected: `an integer from 1 to ${mostThreads}`, received: describe(count) });
    chosen.engine.setThreads(count);
  };
  setThreads(options.threads ?? Math.min(processors(), mostThreads));
  const device: Device = {
    name: 'cpu',
    engine: `${name} ${instructionSet}`,
    synchronous: true,
    randomSource: 'host',
    supports: () => true,
    computes: (dtype) => dtype !== 'float16' && dtype !== 'bfloat16',
    allocate: (byteLength) => memory.allocate(byteLength),
    release: (storage) => memory.release(storage.handle as Block),
    upload: (storage, bytes, byteOffset) => memory.bytes(storage.handle as Block, byteOffset, bytes.byteLength).set(bytes),
    download: (storage, byteOffset, byteLength) => Promise.resolve(memory.bytes(storage.handle as Block, byteOffset, byteLength).slice()),
    downloadSync: (storage, byteOffset, byteLength) => memory.bytes(storage.handle as Block, byteOffset, byteLength),
    stableBytes: name === 'native',
    synchronize: () => Promise.resolve(),
    memory: () => ({
      liveBytes: memory.liveBytes,
      peakBytes: memory.peakBytes,
      liveCount: memory.liveCount,
      pooledBytes: memory.pooledBytes,
    }),
    ...(memory.reclaim !== undefined && { sweep: () => memory.reclaim?.() }),
    ...(memory.adopt !== undefined && { adopt: (bytes: Uint8Array) => memory.adopt?.(bytes) }),
    kernels: chosen.kernels,
    optional: chosen.optional,
  };
  const info: CpuInfo = {
    engine: name,
    instructionSet,
    get threads() {
      return chosen.engine.threads;
    },
    path: chosen.path,
    notes: chosen.notes,
  };
  return { device, info, setThreads };
}
