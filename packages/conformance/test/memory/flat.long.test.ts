import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createCpuDevice } from '@flambeau/backend-cpu';

interface Look {
  readonly step: number;
  readonly liveBytes: number;
  readonly rss: number;
}

const program = fileURLToPath(new URL('./loops.ts', import.meta.url));
const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** Runs a training loop in a process of its own and returns its ten looks at the memory. */
function looksAt(engine: string, loop: string, steps: number): Look[] {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=flambeau-source', program, loop, String(steps)],
    { cwd: root, encoding: 'utf8', env: { ...process.env, FLAMBEAU_CPU: engine } },
  );
  if (status !== 0) throw new Error(stderr);
  const lines = stdout.trim().split('\n');
  const looks = lines.slice(0, 10).map((line) => JSON.parse(line) as Look);
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
  console.log(`${loop} on ${engine}: ${lines[10]}`);
  for (const { step, liveBytes, rss } of looks) console.log(`  step ${step}: live ${megabytes(liveBytes)}, resident ${megabytes(rss)}`);
  return looks;
}

const largest = (looks: readonly Look[], field: 'liveBytes' | 'rss'): number => Math.max(...looks.map((look) => look[field]));
const hasNative = ((): boolean => {
  try {
    createCpuDevice('native');
    return true;
  } catch {
    return false;
  }
})();

describe.each(['native', 'wasm'])('a plain synchronous training loop on %s', (engine) => {
  // A regression step drops 2.5 KB and V8 first collects after some ten thousand: so there are 60,000 steps, where the promise is for 10,000.
  const loops: [string, number][] = [
    ['regression', 60_000],
    ['cnn', 500],
  ];
  it.skipIf(engine === 'native' && !hasNative).each(loops)(
    'holds live bytes and resident memory flat through the %s (%i steps)',
    (loop, steps) => {
      const looks = looksAt(engine, loop, steps);
      expect(looks).toHaveLength(10);
      const [middle, end] = [looks.slice(2, 6), looks.slice(6)];
      expect(largest(looks, 'liveBytes')).toBeLessThan(128 * 2 ** 20);
      expect(largest(looks, 'rss')).toBeLessThan(400 * 2 ** 20);
      expect(largest(end, 'rss')).toBeLessThan(largest(middle, 'rss') * 1.1);
    },
  );
});
