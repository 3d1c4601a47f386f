// `npm run test:long`: the proofs that take minutes.
import { buildAddon } from './native.mjs';
import { runSteps } from './run.mjs';

process.exitCode = runSteps([
  buildAddon,
  ['long tests', 'pnpm', 'exec', 'vitest', 'run', '--config', 'vitest.long.config.ts', ...process.argv.slice(2)],
]);
