import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './cases.ts';
import type { BackendName } from './library.ts';
import { readJobs } from './run.ts';

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
const secondsToStart = 60;
/** The reference is a specification and not fast, and a GPU may be a software adapter: ten training steps of a CNN take half a minute. */
const secondsPerCase = { reference: 90, cpu: 20, webgpu: 90 } satisfies Record<BackendName, number>;

interface Message {
  readonly index: number;
  readonly outcome: Outcome;
}

/** Runs cases in one child process until it is done, dies, or takes too long; answers what it finished and how it ended. */
function runChild(
  backend: BackendName,
  directory: string,
  file: string,
  indices: readonly number[],
  report: (message: Message) => void,
): Promise<string> {
  return new Promise((resolve) => {
    const child = fork(worker, [backend, directory, file, indices.join(',')], {
      execArgv: ['--import', 'tsx', '--conditions=flambeau-source'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let why = '';
    let errors = '';
    const limit = (seconds: number): NodeJS.Timeout =>
      setTimeout(() => {
        why = `no answer after ${seconds} s`;
        child.kill('SIGKILL');
      }, seconds * 1000);
    let timer = limit(secondsToStart);
    child.stderr?.on('data', (text: Buffer) => (errors = (errors + text.toString()).slice(-2000)));
    child.on('message', (message) => {
      clearTimeout(timer);
      timer = limit(secondsPerCase[backend]);
      report(message as Message);
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      resolve(why || `the process ended with ${signal ?? `code ${code}`} ${errors.trim().split('\n').slice(-6).join(' | ')}`);
    });
  });
}

/** Runs the cases of a file (those that `only` matches) in child processes; a case that ends its process is counted as crashed. */
export async function superviseFile(backend: BackendName, directory: string, file: string, only: RegExp | undefined): Promise<Outcome[]> {
  const jobs = readJobs(directory, file);
  let left = jobs.map((_, i) => i).filter((i) => only === undefined || only.test(jobs[i].id));
  const outcomes: Outcome[] = [];
  while (left.length > 0) {
    let done = 0;
    const why = await runChild(backend, directory, file, left, ({ outcome }) => {
      outcomes.push(outcome);
      done++;
    });
    if (done < left.length) {
      outcomes.push({ id: jobs[left[done]].id, status: 'crashed', detail: why });
      done++;
    }
    left = left.slice(done);
  }
  return outcomes;
}
