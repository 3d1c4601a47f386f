// `npm run test:long`: the proofs that take minutes.
import { buildAddon, buildDistributed } from './native.mjs';
import { runSteps } from './run.mjs';

process.exitCode = runSteps([
  buildAddon,
  buildDistributed,
  ['long tests', 'pnpm', 'exec', 'vitest', 'run', '--config', 'vitest.long.config.ts', ...process.argv.slice(2)],
]);
