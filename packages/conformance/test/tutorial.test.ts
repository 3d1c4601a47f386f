import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
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

/** Whether there is an addon for this machine, built here or packaged: then the CPU backend has to run on it. */
function addonExists(): boolean {
  const platform = `${process.platform}-${process.arch}`;
  if (existsSync(join(root, `packages/backend-cpu/build/${platform}/flambeau.node`))) return true;
  try {
    const { resolve } = createRequire(join(root, 'packages/backend-cpu/package.json'));
    return existsSync(resolve(`@flambeau/backend-cpu-${platform}/flambeau.node`));
  } catch {
    return false;
  }
}

const [recorded] = JSON.parse(readFileSync(new URL('../cases/random.json', import.meta.url), 'utf8')) as [
  { 'regression losses': number[]; classification: { loss: number[]; accuracy: number } },
];
const cnnLosses = [2.303401, 2.295743, 2.261284, 2.319268, 2.272456, 2.208656, 2.189378, 2.189541, 2.226934, 2.10532];
const lstmLosses = [2.30884, 2.293358, 2.301708, 2.29264, 2.271457, 2.324594, 2.230217, 2.28646, 2.204904, 2.208447];

/** Runs an app as a user does, and reads what `--json` wrote. */
function runApp(name: string, { device, engine, env }: Place, options: readonly string[] = []): Result {
  const file = join(mkdtempSync(join(tmpdir(), 'flambeau-')), 'result.json');
  const { status, stderr } = spawnSync(process.execPath, ['tools/app.mjs', name, '--device', device, '--json', file, ...options], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, FLAMBEAU_CPU: '', ...env },
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const result = JSON.parse(readFileSync(file, 'utf8')) as Result;
  expect({ device: result.device, engine: result.engine }).toEqual({ device, engine });
  return result;
}

function expectLosses(actual: readonly number[], expected: readonly number[], tolerance: (loss: number) => number): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((loss, i) => expect(Math.abs(actual[i] - loss)).toBeLessThanOrEqual(tolerance(loss)));
}

/** Where an app is asked to run, and the engine that the figures have to name. */
interface Place {
  title: string;
  device: string;
  engine: string;
  env: Record<string, string>;
}
const places: Place[] = [
  { title: 'the reference backend', device: 'reference', engine: 'reference', env: {} },
  { title: 'the CPU backend', device: 'cpu', engine: addonExists() ? 'native' : 'wasm', env: {} },
  { title: 'the CPU backend in WebAssembly', device: 'cpu', engine: 'wasm', env: { FLAMBEAU_CPU: 'wasm' } },
];

describe.each(places)('with seed 1 the apps print PyTorch’s losses on $title', (place) => {
  it('regression: 100 losses', () => {
    expectLosses(runApp('regression', place).losses, recorded['regression losses'], (loss) => 1e-4 * loss);
  });

  it('classification: 100 losses and the accuracy', () => {
    const result = runApp('classification', place);
    expectLosses(result.losses, recorded.classification.loss, (loss) => 1e-4 * loss);
    expect(result.accuracy).toBe(recorded.classification.accuracy);
  });
});

describe.each(places.slice(1))('the first ten losses on MNIST are PyTorch’s on $title', (place) => {
  it('CNN, batch 50, Adam 0.001', () => {
    expectLosses(runApp('cnn', place, ['--steps', '10']).losses, cnnLosses, () => 0.002);
  });

  it('LSTM, batch 64, Adam 0.01', () => {
    expectLosses(runApp('lstm', place, ['--steps', '10']).losses, lstmLosses, () => 0.002);
  });
});
