import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findAddon } from '../src/addon.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** An MPI whose mpirun is on the PATH. */
export interface Launcher {
  readonly name: 'Open MPI' | 'MPICH';
  /** The command and its first arguments; undefined where there is none. */
  readonly command: readonly string[] | undefined;
}

function find(names: readonly string[], says: RegExp, options: readonly string[]): readonly string[] | undefined {
  for (const name of names) {
    const { stdout, status } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status === 0 && says.test(stdout)) return [name, ...options];
  }
  return undefined;
}

export const launchers: readonly Launcher[] = [
  { name: 'Open MPI', command: find(['mpirun.openmpi', 'mpirun'], /open-?mpi|OpenRTE/i, ['--allow-run-as-root', '--oversubscribe']) },
  { name: 'MPICH', command: find(['mpirun.mpich', 'mpirun'], /HYDRA/i, []) },
];

/** True where the addon could not be built, for want of a compiler, and may be missing: CI must have it. */
export const lacksAddon: boolean = typeof findAddon() === 'string' && process.env['FLAMBEAU_CI'] !== '1';

/** True where a launcher or the addon is missing and may be: CI must have all. */
export const mayLack = (launcher: Launcher): boolean =>
  lacksAddon || (launcher.command === undefined && process.env['FLAMBEAU_CI'] !== '1');

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Runs a program of test/programs, or a file of the workspace, in `ranks` processes of a launcher; with none, alone. */
export async function launch(
  launcher: Launcher | undefined,
  ranks: number,
  program: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const file = program.includes('/') ? program : `packages/distributed/test/programs/${program}.ts`;
  const node = [process.execPath, '--import', 'tsx', '--conditions=flambeau-source', file, ...args];
  if (launcher !== undefined && launcher.command === undefined) throw new Error(`there is no mpirun of ${launcher.name}`);
  const command = launcher?.command === undefined ? node : [...launcher.command, '-n', String(ranks), ...node];
  const started = performance.now();
  const child = spawn(command[0], command.slice(1), { cwd: root, env: { ...process.env, ...environment } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { status, stdout, stderr, seconds: (performance.now() - started) / 1000 };
}
