// `pnpm bench:distributed`: times of the collectives and the overhead of a training step at 1 and 2 ranks, with each MPI that is here, beside
// Gloo's from PyTorch. FLAMBEAU_PYTHON names the Python that has torch.
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Time {
  readonly best: number;
  readonly median: number;
}

interface Figures {
  readonly library: string;
  readonly size: number;
  readonly figures: readonly { readonly op: string; readonly bytes: number; readonly milliseconds: Time }[];
  /** Milliseconds of a step without and with DistributedDataParallel. */
  readonly plain: Time;
  readonly wrapped: Time;
}

const folder = fileURLToPath(new URL('.', import.meta.url));
const program = [process.execPath, '--import', 'tsx', '--conditions=flambeau-source', `${folder}rank.ts`];
const has = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;

async function run(command: readonly string[]): Promise<Figures | undefined> {
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const status = await new Promise((resolve) => child.on('close', resolve));
  const line = text.split('\n').find((candidate) => candidate.startsWith('{'));
  if (status !== 0) console.error(`failed: ${command.join(' ')}`);
  // Only rank 0 prints.
  return status === 0 && line !== undefined ? (JSON.parse(line) as Figures) : undefined;
}

async function gloo(size: number): Promise<Figures | undefined> {
  const python = process.env['FLAMBEAU_PYTHON'] ?? 'python3';
  if (!has(python, '-c', 'import torch')) {
    console.error(`no torch in ${python}: without Gloo's figures`);
    return undefined;
  }
  const port = String(20000 + (process.pid % 20000) + size);
  const all = await Promise.all(
    Array.from({ length: size }, (_, rank) => run([python, `${folder}gloo.py`, String(rank), String(size), port])),
  );
  return all[0];
}

const openMpi = ['mpirun.openmpi', '--allow-run-as-root', '--oversubscribe'];
const commands = [openMpi, ['mpirun.mpich']].filter(([name]) => has(name, '--version'));
const found: Figures[] = [];
const add = (figures: Figures | undefined): void => {
  if (figures !== undefined) found.push(figures);
};
add(await run(program));
for (const command of commands) add(await run([...command, '-n', '2', ...program]));
for (const size of [1, 2]) add(await gloo(size));

const bytesName = (bytes: number): string =>
  bytes < 1024 ? `${bytes} B` : bytes < 2 ** 20 ? `${bytes / 1024} KiB` : `${bytes / 2 ** 20} MiB`;
const show = ({ best, median }: Time, digits: number): string => `${best.toFixed(digits)}, ${median.toFixed(digits)}`;
const shown = found.filter(({ size }) => size > 1);
console.log('\nMilliseconds of a collective (fastest, median), 2 ranks on this machine\n');
console.log(`| collective | size | ${shown.map(({ library }) => library).join(' | ')} |`);
console.log(`|---|---|${shown.map(() => '---:|').join('')}`);
for (const [i, { op, bytes }] of (shown[0]?.figures ?? []).entries())
  console.log(`| ${op} | ${bytesName(bytes)} | ${shown.map(({ figures }) => show(figures[i].milliseconds, 3)).join(' | ')} |`);
console.log('\nMilliseconds of a training step of the CNN, 50 samples in each rank (fastest, median)\n');
console.log('| library | ranks | alone | with DistributedDataParallel | overhead of the fastest |\n|---|---:|---:|---:|---:|');
for (const { library, size, plain, wrapped } of found)
  console.log(
    `| ${library} | ${size} | ${show(plain, 2)} | ${show(wrapped, 2)} | ${(((wrapped.best - plain.best) / plain.best) * 100).toFixed(0)} % |`,
  );
