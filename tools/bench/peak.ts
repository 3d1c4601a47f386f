// Runs one work a number of times in a process of its own and prints the largest memory that the process had, in MB.
import { readFileSync } from 'node:fs';
import { manualSeed, setDefaultDevice } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { networks } from './networks.ts';

setDefaultDevice(cpu);
manualSeed(1);
const [name, count] = process.argv.slice(2);
const work = networks.find((candidate) => candidate.name === name);
if (work === undefined) throw new Error(`expected the name of a network's work, got ${name}`);
const body = work.setup();
for (let i = 0; i < Number(count); i++) body();
console.log(peakKilobytes() / 1024);

/** The largest resident memory. The system's usage figure would begin with that of the process which started this one. */
function peakKilobytes(): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  } catch {
    return process.resourceUsage().maxRSS;
  }
}
