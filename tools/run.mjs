// Runs named steps one after the other, saying what it does; stops at the first that fails.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs `[title, command, ...arguments]` steps; returns the exit code of the first that fails, or 0. */
export function runSteps(steps) {
  for (const [title, command, ...rest] of steps) {
    console.log(`\nflambeau: ${title}`);
    const started = Date.now();
    const { status } = spawnSync(command, rest, { cwd: root, stdio: 'inherit', env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' } });
    if (status !== 0) {
      console.error(`flambeau: failed: ${title}`);
      return status ?? 1;
    }
    console.log(`flambeau: done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }
  return 0;
}
