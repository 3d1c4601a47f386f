// `npm run test:long`: the proofs that take minutes.
import { runSteps } from './run.mjs';

process.exitCode = runSteps([
  ['long tests', 'pnpm', 'exec', 'vitest', 'run', '--config', 'vitest.long.config.ts', ...process.argv.slice(2)],
]);
