// `npm test`: the fences (types, lint, format), then every test.
import { runSteps } from './run.mjs';
import { checks } from './check.mjs';

process.exitCode = runSteps([...checks, ['tests', 'pnpm', 'exec', 'vitest', 'run', ...process.argv.slice(2)]]);
