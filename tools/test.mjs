// `npm test`: the fences (types, lint, format), then every test, on the native engine where it can be built.
import { runSteps } from './run.mjs';
import { checks } from './check.mjs';
import { buildAddon, buildDistributed } from './native.mjs';

process.exitCode = runSteps([
  ...checks,
  buildAddon,
  buildDistributed,
  ['tests', 'pnpm', 'exec', 'vitest', 'run', ...process.argv.slice(2)],
]);
