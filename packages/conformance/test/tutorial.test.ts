import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { setDefaultDevice, type Device } from '@flambeau/core';
import { createCpuDevice } from '@flambeau/backend-cpu';
import { reference } from '@flambeau/backend-reference';
import { classification } from '../../../apps/classification/src/classification.ts';
import { cnn } from '../../../apps/cnn/src/cnn.ts';
import type { RunResult } from '../../../apps/harness/src/index.ts';
import { trainHere } from '../../../apps/harness/test/inProcess.ts';
import { lstm } from '../../../apps/lstm/src/lstm.ts';
import { regression } from '../../../apps/regression/src/regression.ts';

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

type Run = (name: keyof typeof apps, steps?: number) => Promise<RunResult>;
const apps = { regression, classification, cnn, lstm };

/** Runs an app as a user does, on the device that it takes by itself, and reads what `--json` wrote. */
const asUser: Run = (name, steps) => {
  const file = join(mkdtempSync(join(tmpdir(), 'flambeau-')), 'result.json');
  const options = ['--json', file, ...(steps === undefined ? [] : ['--steps', String(steps)])];
  const { status, stderr } = spawnSync(process.execPath, ['tools/app.mjs', name, ...options], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, FLAMBEAU_CPU: '' },
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const result = JSON.parse(readFileSync(file, 'utf8')) as RunResult;
  expect({ device: result.device, engine: result.engine }).toEqual({ device: 'cpu', engine: addonExists() ? 'native' : 'wasm' });
  return Promise.resolve(result);
};

/** Trains an app in this process, its data on a CPU device and its net on another or the same. */
const here = (host: Device, device: Device): Run => async (name, steps) => {
  setDefaultDevice(host);
  const { result } = await trainHere(apps[name], device, { steps });
  expect(result.device).toBe(device.name);
  return result;
}; // prettier-ignore

function expectLosses(actual: readonly number[], expected: readonly number[], tolerance: (loss: number) => number): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((loss, i) => expect(Math.abs(actual[i] - loss)).toBeLessThanOrEqual(tolerance(loss)));
}

const wasm = createCpuDevice('wasm');
const places: { title: string; run: Run }[] = [
  { title: 'the reference backend', run: here(wasm.device, reference) },
  { title: 'the CPU backend', run: asUser },
  { title: 'the CPU backend in WebAssembly', run: here(wasm.device, wasm.device) },
];

it('WebAssembly is what runs where it is asked for', () => {
  expect(wasm.info.engine).toBe('wasm');
});

describe.each(places)('with seed 1 the apps print PyTorch’s losses on $title', ({ run }) => {
  it('regression: 100 losses', async () => {
    expectLosses((await run('regression')).losses, recorded['regression losses'], (loss) => 1e-4 * loss);
  });

  it('classification: 100 losses and the accuracy', async () => {
    const result = await run('classification');
    expectLosses(result.losses, recorded.classification.loss, (loss) => 1e-4 * loss);
    expect(result.accuracy).toBe(recorded.classification.accuracy);
  });
});

describe.each(places.slice(1))('the first ten losses on MNIST are PyTorch’s on $title', ({ run }) => {
  it('CNN, batch 50, Adam 0.001', async () => {
    expectLosses((await run('cnn', 10)).losses, cnnLosses, () => 0.002);
  });

  it('LSTM, batch 64, Adam 0.01', async () => {
    expectLosses((await run('lstm', 10)).losses, lstmLosses, () => 0.002);
  });
});
