// `pnpm app <name> [options]`: runs an app of the workspace from its source.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What an app takes over: the three streams, and the descriptor by which MPICH's mpirun talks to its processes. */
function inherited() {
  const descriptor = Number(process.env.PMI_FD ?? 0);
  return descriptor < 3 ? 'inherit' : [0, 1, 2, ...Array(descriptor - 3).fill('ignore'), descriptor];
}

/** Runs apps/<name>; returns its exit code. */
export function runApp(name, options) {
  const main = `${root}apps/${name}/src/main.ts`;
  if (!name || name === 'harness' || !existsSync(main)) {
    const names = readdirSync(`${root}apps`).filter((app) => app !== 'harness' && existsSync(`${root}apps/${app}/src/main.ts`));
    console.error(`app: expected one of ${names.join(', ')}, got ${name ?? 'nothing'}. Run: pnpm app regression --help`);
    return 2;
  }
  // Ctrl-C reaches both: the app ends in order, with its state saved, and this process with it.
  process.on('SIGINT', () => undefined);
  const command = ['--import', 'tsx', '--conditions=flambeau-source', main, ...options];
  return spawnSync(process.execPath, command, { cwd: root, stdio: inherited() }).status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, ...options] = process.argv.slice(2);
  process.exitCode = runApp(name, options);
}
