import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randn, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import type * as nn from '@flambeau/nn';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { load } from '../src/index.ts';
import { classifier, CNN, Net, RNN } from './nets.ts';
import { expectSame, numbersOf, scratchFile } from './helpers.ts';

const runner = fileURLToPath(new URL('../../../tools/app.mjs', import.meta.url));

/** Runs an app with options and gives what it printed. */
function app(name: string, ...options: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [runner, name, ...options], { encoding: 'utf8', timeout: 120_000 });
  expect(`${stderr}${status === 0 ? '' : `exit ${String(status)}`}`).toBe('');
  return stdout;
}

const apps: readonly [string, () => nn.Module, number[]][] = [
  ['regression', () => new Net(), [3, 1]],
  ['classification', classifier, [3, 2]],
  ['cnn', () => new CNN(), [3, 1, 28, 28]],
  ['lstm', () => new RNN(), [3, 28, 28]],
];

it.each(apps)('the %s app saves, loads and exports its net', async (name, make, shape) => {
  const [pt, safetensors, onnx] = [scratchFile(`${name}.pt`), scratchFile(`${name}.safetensors`), scratchFile(`${name}.onnx`)];
  app(name, '--steps', '2', '--save', pt, '--export-onnx', onnx);
  expect(app(name, '--steps', '1', '--lr', '1e-30', '--load', pt, '--save', safetensors)).toContain(pt);
  // A step of a learning rate of 1e-30 changes no float32 parameter that is not about as small.
  const [first, second] = [await load(pt), await load(safetensors)];
  for (const [key, value] of first) expectSame(second.get(key), value);
  const net = make();
  net.loadStateDict(first);
  const x = randn(shape);
  const session = await ort.InferenceSession.create(readFileSync(onnx));
  const results = await session.run({ input: new ort.Tensor('float32', x.dataSync(), shape) });
  const expected = numbersOf(noGrad(() => net.eval().forward(x) as Tensor));
  const actual = Array.from(results['output'].data, Number);
  expected.forEach((value, i) => expect(Math.abs(value - actual[i])).toBeLessThan(1e-5));
});
