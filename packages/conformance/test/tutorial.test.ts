import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Result {
  losses: number[];
  accuracy: number | null;
  seconds: number;
  samplesPerSecond: number;
  device: string;
  engine: string;
}
const root = new URL('../../../', import.meta.url).pathname;
const [recorded] = JSON.parse(readFileSync(new URL('../cases/random.json', import.meta.url), 'utf8')) as [
  { 'regression losses': number[]; classification: { loss: number[]; accuracy: number } },
];
const cnnLosses = [2.303401, 2.295743, 2.261284, 2.319268, 2.272456, 2.208656, 2.189378, 2.189541, 2.226934, 2.10532];
const lstmLosses = [2.30884, 2.293358, 2.301708, 2.29264, 2.271457, 2.324594, 2.230217, 2.28646, 2.204904, 2.208447];

/** Runs an app as a user does, and reads what `--json` wrote. */
function runApp(name: string, options: readonly string[], env: Record<string, string> = {}): Result {
  const file = join(mkdtempSync(join(tmpdir(), 'flambeau-')), 'result.json');
  const { status, stderr } = spawnSync(process.execPath, ['tools/app.mjs', name, '--json', file, ...options], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(readFileSync(file, 'utf8')) as Result;
}

function expectLosses(actual: readonly number[], expected: readonly number[], tolerance: (loss: number) => number): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((loss, i) => expect(Math.abs(actual[i] - loss)).toBeLessThanOrEqual(tolerance(loss)));
}

const runs: { title: string; device: string; env: Record<string, string> }[] = [
  { title: 'the reference backend', device: 'reference', env: {} },
  { title: 'the CPU backend', device: 'cpu', env: {} },
  { title: 'the CPU backend in WebAssembly', device: 'cpu', env: { FLAMBEAU_CPU: 'wasm' } },
];

describe.each(runs)('with seed 1 the apps print PyTorch’s losses on $title', ({ device, env }) => {
  it('regression: 100 losses', () => {
    expectLosses(runApp('regression', ['--device', device], env).losses, recorded['regression losses'], (loss) => 1e-4 * loss);
  });

  it('classification: 100 losses and the accuracy', () => {
    const result = runApp('classification', ['--device', device], env);
    expectLosses(result.losses, recorded.classification.loss, (loss) => 1e-4 * loss);
    expect(result.accuracy).toBe(recorded.classification.accuracy);
  });
});

describe.each(runs.slice(1))('the first ten losses on MNIST are PyTorch’s on $title', ({ env }) => {
  it('CNN, batch 50, Adam 0.001', () => {
    const result = runApp('cnn', ['--steps', '10'], env);
    expectLosses(result.losses, cnnLosses, () => 0.002);
    expect(result.engine).toBe(env.FLAMBEAU_CPU ?? result.engine);
  });

  it('LSTM, batch 64, Adam 0.01', () => {
    expectLosses(runApp('lstm', ['--steps', '10'], env).losses, lstmLosses, () => 0.002);
  });
});
