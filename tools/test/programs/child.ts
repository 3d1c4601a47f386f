// Runs programs in one process, one after the other, each in its folder and with the device, the seed and the process group of a fresh start,
// and says of each what it printed and what it threw. Started by run.ts with the paths of the programs.
import { manualSeed, setDefaultDevice } from '@flambeau/core';
import { destroyProcessGroup, isInitialized } from '@flambeau/distributed';
import { cpu } from 'flambeau';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Ran } from './run.ts';

let stdout = '';
let stderr = '';
process.stdout.write = (text: string | Uint8Array): boolean => ((stdout += String(text)), true);
process.stderr.write = (text: string | Uint8Array): boolean => ((stderr += String(text)), true);

for (const file of process.argv.slice(2)) {
  setDefaultDevice(cpu);
  manualSeed(67280421310721); // the seed of a program that gives none
  process.chdir(dirname(file));
  [stdout, stderr] = ['', ''];
  try {
    await import(pathToFileURL(file).href);
  } catch (error) {
    stderr += error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  if (isInitialized()) await destroyProcessGroup();
  process.send?.({ file, stdout, stderr } satisfies Ran);
}
process.disconnect?.();
