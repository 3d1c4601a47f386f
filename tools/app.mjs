// `pnpm app <name> [options]`: runs an app of the workspace from its source.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs apps/<name>; returns its exit code. */
export function runApp(name, options) {
  const main = `${root}apps/${name}/src/main.ts`;
  if (!name || name === 'harness' || !existsSync(main)) {
    const names = readdirSync(`${root}apps`).filter((app) => app !== 'harness' && existsSync(`${root}apps/${app}/src/main.ts`));
    console.error(`app: expected one of ${names.join(', ')}, got ${name ?? 'nothing'}. Run: pnpm app regression --help`);
    return 2;
  }
  return (
    spawnSync(process.execPath, ['--import', 'tsx', '--conditions=flambeau-source', main, ...options], { cwd: root, stdio: 'inherit' })
      .status ?? 1
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, ...options] = process.argv.slice(2);
  process.exitCode = runApp(name, options);
}
