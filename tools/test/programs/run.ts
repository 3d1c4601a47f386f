import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What became of a program. */
export interface Ran {
  readonly file: string;
  readonly stdout: string;
  /** Empty when it ended well and said nothing there. */
  readonly stderr: string;
}

const child = fileURLToPath(new URL('child.ts', import.meta.url));

/** Runs programs one after the other in one process, which loads the packages once; one that ends the process leaves those after it unrun. */
export function runTogether(files: readonly string[]): Promise<ReadonlyMap<string, Ran>> {
  const flags = ['--import', 'tsx', '--conditions=flambeau-source'];
  const running = spawn(process.execPath, [...flags, child, ...files], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], timeout: 50_000 });
  const ran = new Map<string, Ran>();
  let errors = '';
  running.stderr?.on('data', (text: Buffer) => (errors += text.toString()));
  running.on('message', (message) => ran.set((message as Ran).file, message as Ran));
  return new Promise((resolve, reject) => {
    running.on('error', reject);
    running.on('close', (code, signal) => {
      const why = `not run: the process ended with ${signal ?? `code ${code}`} ${errors}`;
      for (const file of files) if (!ran.has(file)) ran.set(file, { file, stdout: '', stderr: why });
      resolve(ran);
    });
  });
}
