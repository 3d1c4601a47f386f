// Runs cases in a process of its own, so that a crash or a hang takes no other case with it.
// Started by supervise.ts with the backend and the directory; its first message says which cases to run.
import { openBackend, type BackendName } from './library.ts';
import { readJobs, type Job } from './run.ts';
import type { Message, Place } from './supervise.ts';

const [backend, directory] = process.argv.slice(2);
const given = new Promise<readonly Place[]>((resolve) => process.once('message', (message) => resolve(message as readonly Place[])));
if (backend === 'webgpu') {
  // The apps' way to an adapter; it is outside of this package's sources.
  const { href } = new URL('../../../apps/harness/src/node/vulkan.ts', import.meta.url);
  ((await import(href)) as { findVulkan(): void }).findVulkan();
}
const device = await openBackend(backend as BackendName);
// Each message is waited for: one that is still in the pipe at the end would be lost, and its case would count as a crash.
const tell = (message: Message): Promise<void> => new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()));
await tell({ engine: device.engine ?? '' });
const read = new Map<string, readonly Job[]>();
const jobsOf = (file: string): readonly Job[] => {
  const jobs = read.get(file) ?? readJobs(directory, file);
  if (!read.has(file)) {
    read.clear(); // the files come one after the other
    read.set(file, jobs);
  }
  return jobs;
};
for (const [file, index] of await given) await tell({ outcome: await jobsOf(file)[index].run(device) });
process.disconnect();
process.exit(0);
