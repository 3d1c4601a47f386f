// `pnpm bench`: compiles the packages, so that what is measured is the JavaScript that users run (a loader that names functions at run time
// costs more than a small op), bundles the benchmark, and starts it.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleAll } from '../bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const outdir = `${root}node_modules/.cache/flambeau-bench`;

const step = (command, ...args) => spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
if (!process.argv.includes('--help')) {
  step(process.execPath, 'packages/backend-cpu/scripts/build.mjs');
  if (!step('pnpm', 'exec', 'tsc', '-b', 'packages/flambeau', 'packages/vision'))
    console.error('bench: the packages have errors of types; measuring what was emitted');
  await bundleAll();
}
await build({
  entryPoints: ['main', 'peak'].map((name) => `${root}tools/bench/${name}.ts`),
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  outdir,
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, [`${outdir}/main.js`, root, process.cwd(), ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(status ?? 1);
