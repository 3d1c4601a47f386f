import { CommandWriter, commandLength } from './command.ts';
import type { Engine } from './engine.ts';
import { throwKernelError } from './errors.ts';
import { kernelIds } from './kernelIds.ts';
import { NativeMemory } from './nativeMemory.ts';
import type { Addon } from './platform/addon.ts';

/** An engine on the addon; `wanted` names an instruction set, the widest one of the processor otherwise. */
export function nativeEngine(addon: Addon, wanted?: string): Engine {
  const buffer = new ArrayBuffer(commandLength * 8);
  const { instructionSet, kernels, run, setThreads } = addon.start(buffer, wanted);
  let threads = 1;
  const memory = new NativeMemory(addon);
  const view = new Float64Array(buffer);
  const command = new CommandWriter(view, memory, addon.addressOf(buffer));
  return {
    name: 'native',
    instructionSet,
    get threads() {
      return threads;
    },
    setThreads(count) {
      threads = count;
      setThreads(count);
    },
    memory,
    command,
    kernelId: kernelIds('native', kernels),
    run(op) {
      run();
      command.end();
      if (view[0] !== 0) throwKernelError(op, view[0], view);
    },
  };
}
