import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './cases.ts';
import type { BackendName } from './library.ts';
import { readJobs } from './run.ts';

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
const secondsToStart = 60;
/** The reference is a specification and not fast, and a GPU may be a software adapter: ten training steps of a CNN take half a minute. */
const secondsPerCase = { reference: 90, cpu: 20, webgpu: 90 } satisfies Record<BackendName, number>;

/** A case: the file that it stands in, and its place there. */
export type Place = readonly [file: string, index: number];

/** What a child says: first what it computes with, then the outcome of one case after the other. */
export type Message = { readonly engine: string } | { readonly outcome: Outcome };

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
  places: readonly Place[],
  { engine, seconds }: Supervision,
  report: (message: Message) => void,
): Promise<string> {
  return new Promise((resolve) => {
    const child = fork(worker, [backend, directory], {
      execArgv: ['--import', 'tsx', '--conditions=flambeau-source'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      ...(engine === undefined ? {} : { env: { ...process.env, FLAMBEAU_CPU: engine } }),
    });
    child.send(places);
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
 * Runs the cases of files in child processes, one after the other in the same; a case that ends its process, or gives no answer, is counted as
 * crashed, and those after it run in a new one.
 * @returns the outcomes by file, of every file that was given
 * @throws Error when the backend itself does not start
 */
export async function superviseFiles(
  backend: BackendName,
  directory: string,
  files: readonly string[],
  supervision: Supervision = {},
): Promise<Map<string, Outcome[]>> {
  const { only } = supervision;
  const ids = new Map(files.map((file) => [file, readJobs(directory, file).map(({ id }) => id)]));
  let left = [...ids].flatMap(([file, all]) =>
    all.map((id, i) => ({ id, place: [file, i] satisfies Place })).filter(({ id }) => only === undefined || only.test(id)),
  );
  const outcomes = new Map<string, Outcome[]>(files.map((file) => [file, []]));
  while (left.length > 0) {
    let done = 0;
    let started = false;
    const places = left.map(({ place }) => place);
    const settle = (outcome: Outcome): void => {
      outcomes.get(places[done][0])?.push(outcome);
      done++;
    };
    const why = await runChild(backend, directory, places, supervision, (message) => {
      if ('outcome' in message) settle(message.outcome);
      else {
        started = true;
        supervision.onEngine?.(message.engine);
      }
    });
    if (!started) throw new Error(`conformance: ${backend} did not start: ${why}`);
    if (done < left.length) settle({ id: left[done].id, status: 'crashed', detail: why });
    left = left.slice(done);
  }
  return outcomes;
}

/** As `superviseFiles`, of one file. */
export const superviseFile = async (
  backend: BackendName,
  directory: string,
  file: string,
  supervision: Supervision = {},
): Promise<Outcome[]> => (await superviseFiles(backend, directory, [file], supervision)).get(file) ?? [];
