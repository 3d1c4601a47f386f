// `pnpm check`: the fences that need no test.
import { fileURLToPath } from 'node:url';
import { runSteps } from './run.mjs';

export const checks = [
  ['types', 'pnpm', 'exec', 'tsc', '-b'],
  ['lint', 'pnpm', 'run', 'lint'],
  ['formatting', 'pnpm', 'run', 'format:check'],
];

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = runSteps(checks);
