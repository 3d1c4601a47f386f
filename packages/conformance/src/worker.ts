// Runs the cases of one file in a process of its own, so that a crash or a hang takes no other case with it.
// Started by supervise.ts with: backend, directory, file, comma-separated indices of the cases to run.
import { openBackend, type BackendName } from './library.ts';
import { readJobs } from './run.ts';

const [backend, directory, file, list] = process.argv.slice(2);
const device = await openBackend(backend as BackendName);
const jobs = readJobs(directory, file);
// Each message is waited for: one that is still in the pipe at the end would be lost, and its case would count as a crash.
const tell = (message: unknown): Promise<void> => new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()));
await tell({ engine: device.engine ?? '' });
for (const index of list.split(',').map(Number)) await tell({ index, outcome: await jobs[index].run(device) });
process.disconnect();
process.exit(0);
