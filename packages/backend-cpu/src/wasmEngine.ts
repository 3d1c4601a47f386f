import { CommandWriter, commandLength } from './command.ts';
import type { Engine } from './engine.ts';
import { throwKernelError } from './errors.ts';
import { wasmBase64 } from './generated/wasm.ts';
import { kernelIds } from './kernelIds.ts';
import { WasmMemory } from './wasmMemory.ts';
import { compileModule, type Instance } from './webAssembly.ts';

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  commandAddress(): number;
  heapBase(): number;
  run(): void;
  kernelName(id: number): number;
}

/** Bytes up to which the arena grows before the oldest storages leave it. */
const arenaBytes = 128 * 2 ** 20;

function pow(a: number, b: number): number {
  return a ** b;
}
function fmod(a: number, b: number): number {
  return a % b;
}
/** What the kernels import: mathematics in float64. */
const math = {
  exp: Math.exp, exp2: (x: number) => 2 ** x, expm1: Math.expm1, log: Math.log, log2: Math.log2, log10: Math.log10, log1p: Math.log1p,
  sin: Math.sin, cos: Math.cos, tan: Math.tan, asin: Math.asin, acos: Math.acos, atan: Math.atan, sinh: Math.sinh, cosh: Math.cosh,
  tanh: Math.tanh, asinh: Math.asinh, acosh: Math.acosh, atanh: Math.atanh, atan2: Math.atan2, pow, fmod,
}; // prettier-ignore

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function kernelNames({ memory, kernelName }: Exports): string[] {
  const bytes = new Uint8Array(memory.buffer);
  const names: string[] = [];
  for (let at = kernelName(0); at !== 0; at = kernelName(names.length)) {
    let name = '';
    for (; bytes[at] !== 0; at++) name += String.fromCharCode(bytes[at]);
    names.push(name);
  }
  return names;
}

let compiled: ReturnType<typeof compileModule> | undefined;

/** An engine on the embedded WebAssembly. @param arena - bytes up to which its memory grows before the oldest storages leave it */
export function wasmEngine(arena: number = arenaBytes): Engine {
  compiled ??= compileModule(decode(wasmBase64));
  const instance: Instance<Exports> = compiled({ math });
  const { exports } = instance;
  const commandAt = exports.commandAddress();
  let view = new Float64Array(exports.memory.buffer, commandAt, commandLength);
  const memory = new WasmMemory(exports.memory, exports.heapBase(), arena, () => {
    view = new Float64Array(exports.memory.buffer, commandAt, commandLength);
    command.view = view;
  });
  const command = new CommandWriter(view, memory, commandAt);
  const { run } = exports;
  return {
    name: 'wasm',
    instructionSet: 'simd128',
    threads: 1,
    setThreads: () => undefined,
    memory,
    command,
    kernelId: kernelIds('wasm', kernelNames(exports)),
    run(op) {
      run();
      command.end();
      if (view[0] !== 0) throwKernelError(op, view[0], view);
    },
  };
}
