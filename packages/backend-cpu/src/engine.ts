import type { CommandWriter } from './command.ts';
import type { Memory } from './block.ts';

/** What runs the kernels: the addon, or the embedded WebAssembly. Both are compiled from the C++ source in native/. */
export interface Engine {
  readonly name: 'native' | 'wasm';
  /** The instruction set that the kernels were compiled for: base, avx2, avx512, wasm-simd128. */
  readonly instructionSet: string;
  /** Threads that a kernel may use, the caller among them. */
  readonly threads: number;
  /** Sets `threads`; WebAssembly stays at one. */
  setThreads(count: number): void;
  readonly memory: Memory;
  /** The one command of this engine; see native/command.h. */
  readonly command: CommandWriter;
  /** The id of a kernel in native/kernels.def, to be looked up once. @throws Error when the engine has no such kernel */
  kernelId(name: string): number;
  /**
   * Runs the command that was written. `op` is the name that an error says.
   * @throws IndexError for an index out of range, ValueError for an integer division by zero; nothing has been written then
   */
  run(op: string): void;
}
