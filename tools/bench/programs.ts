import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import type { Program } from './work.ts';

interface Finished {
  /** Milliseconds from the start of the process to its first output. */
  readonly milliseconds: number;
  readonly output: string;
}

// Node reads the certificates that this names before a program begins, tens of milliseconds for a distribution's list: a setting of the machine's
// network, and no part of the start of a library.
const { NODE_EXTRA_CA_CERTS: _, ...ownEnvironment } = process.env;

/** Runs a program to its end. @throws Error with what it said when it fails */
function run(command: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...ownEnvironment, ...environment } });
    let milliseconds = 0;
    let output = '';
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => {
      if (output === '') milliseconds = performance.now() - started;
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0 && output !== '') resolve({ milliseconds, output });
      else reject(new Error(`${command} ${args.join(' ')} ended with ${code}: ${complaint}`));
    });
  });
}

/** Steps after which the memory of a training program no longer grows. */
const steps = 100;

/**
 * Programs of their own: from the start of the process to its first result, and the largest memory of a training run.
 * @param root - the workspace's folder @param threads - threads of both sides
 */
export function programs(root: string, threads: number): readonly Program[] {
  const folder = join(root, 'tools/bench');
  const pythonEnvironment = { OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) };
  const peak = (work: string): Program => ({
    name: `${work}, peak memory`,
    unit: 'MB',
    samples: 3,
    ours: async () =>
      Number((await run(process.execPath, [fileURLToPath(new URL('peak.js', import.meta.url)), work, String(steps)], {})).output),
    theirs: async (python) =>
      Number(
        (await run(python, [join(folder, 'pytorch/twin.py'), '--peak', String(threads), work, String(steps)], pythonEnvironment)).output,
      ),
  });
  return [
    {
      name: 'cold start',
      unit: 'ms',
      atMost: 0.1,
      samples: Infinity,
      ours: async () => (await run(process.execPath, [join(folder, 'programs/coldStart.mjs')], {})).milliseconds,
      theirs: async (python) => (await run(python, [join(folder, 'pytorch/cold_start.py')], pythonEnvironment)).milliseconds,
    },
    ...['W3 CNN step', 'W4 LSTM step', 'W6 transformer block step'].map(peak),
  ];
}
