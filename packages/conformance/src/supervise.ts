import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './cases.ts';
import type { BackendName } from './library.ts';
import { readJobs } from './run.ts';

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
const secondsToStart = 60;
/** The reference is a specification and not fast, and a GPU may be a software adapter: ten training steps of a CNN take half a minute. */
const secondsPerCase = { reference: 90, cpu: 20, webgpu: 90 } satisfies Record<BackendName, number>;

/** What a child says: first what it computes with, then the outcome of one case after the other. */
type Message = { readonly engine: string } | { readonly index: number; readonly outcome: Outcome };

/** How a file is run. */
export interface Supervision {
  /** Only the cases whose id it matches; all when missing. */
  readonly only?: RegExp | undefined;
  /** The engine that the CPU backend has to take, `native` or `wasm`; its own choice when missing. */
  readonly engine?: 'native' | 'wasm';
  /** Seconds after which a case without an answer counts as crashed; 20 on cpu and 90 elsewhere when missing. */
  readonly seconds?: number | undefined;
  /** Hears what computes behind the backend, `native avx512` say; an empty text where there is no choice. */
  readonly onEngine?: (engine: string) => void;
}

/** Runs cases in one child process until it is done, dies, or takes too long; answers what it finished and how it ended. */
function runChild(
  backend: BackendName,
  directory: string,
  file: string,
  indices: readonly number[],
  { engine, seconds }: Supervision,
  report: (message: Message) => void,
): Promise<string> {
  return new Promise((resolve) => {
    const child = fork(worker, [backend, directory, file, indices.join(',')], {
      execArgv: ['--import', 'tsx', '--conditions=flambeau-source'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      ...(engine === undefined ? {} : { env: { ...process.env, FLAMBEAU_CPU: engine } }),
    });
    let why = '';
    let errors = '';
    const limit = (most: number): NodeJS.Timeout =>
      setTimeout(() => {
        why = `no answer after ${most} s`;
        child.kill('SIGKILL');
      }, most * 1000);
    let timer = limit(secondsToStart);
    child.stderr?.on('data', (text: Buffer) => (errors = (errors + text.toString()).slice(-2000)));
    child.on('message', (message) => {
      clearTimeout(timer);
      timer = limit(seconds ?? secondsPerCase[backend]);
      report(message as Message);
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(why || `the process ended with ${signal ?? `code ${code}`} ${errors.trim().split('\n').slice(-6).join(' | ')}`);
    });
  });
}

/**
 * Runs the cases of a file in child processes; a case that ends its process, or gives no answer, is counted as crashed.
 * @throws Error when the backend itself does not start
 */
export async function superviseFile(
  backend: BackendName,
  directory: string,
  file: string,
  supervision: Supervision = {},
): Promise<Outcome[]> {
  const { only } = supervision;
  const jobs = readJobs(directory, file);
  let left = jobs.map((_, i) => i).filter((i) => only === undefined || only.test(jobs[i].id));
  const outcomes: Outcome[] = [];
  while (left.length > 0) {
    let done = 0;
    let started = false;
    const why = await runChild(backend, directory, file, left, supervision, (message) => {
      if ('engine' in message) {
        started = true;
        supervision.onEngine?.(message.engine);
        return;
      }
      outcomes.push(message.outcome);
      done++;
    });
    if (!started) throw new Error(`conformance: ${backend} did not start: ${why}`);
    if (done < left.length) {
      outcomes.push({ id: jobs[left[done]].id, status: 'crashed', detail: why });
      done++;
    }
    left = left.slice(done);
  }
  return outcomes;
}
