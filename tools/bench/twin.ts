import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A Python process that does the same works with PyTorch, one run at a time. */
export interface Twin {
  /** PyTorch's version. */
  readonly version: string;
  readonly pid: number;
  /** Sets a work up; false where the twin has none of that name. */
  prepare(name: string): Promise<boolean>;
  /** Makes `warm` calls, and then `count` that are timed: seconds for one. */
  run(warm: number, count: number): Promise<number>;
  close(): void;
}

/**
 * Starts the twin with an interpreter that can import torch.
 * @param script - pytorch/twin.py @param args - threads, MNIST's folder, the parts of an epoch
 * @throws Error with what it printed when it cannot
 */
export async function startTwin(python: string, script: string, args: readonly string[]): Promise<Twin> {
  const child = spawn(python, ['-u', script, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  // What happens to the process shows when its output ends.
  child.on('error', (error) => (complaint += error.message));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${python} stopped: ${complaint}`);
    return value;
  };
  const ask = (line: string): Promise<string> => {
    child.stdin.write(`${line}\n`);
    return answer();
  };
  const [, version] = (await answer()).split(' ');
  return {
    version,
    pid: child.pid ?? 0,
    prepare: async (name) => (await ask(`prepare ${name}`)) === 'ok',
    run: async (warm, count) => Number(await ask(`run ${warm} ${count}`)),
    close: () => child.stdin.end('quit\n'),
  };
}
