import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randn, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import type * as nn from '@flambeau/nn';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { load, save } from '../src/index.ts';
import { classifier, CNN, Net, RNN } from './nets.ts';
import { expectSame, numbersOf, scratch, scratchFile } from './helpers.ts';

const runner = fileURLToPath(new URL('../../../tools/app.mjs', import.meta.url));

const checker = fileURLToPath(new URL('./pytorch/check.py', import.meta.url));
const python = process.env['FLAMBEAU_PYTHON'] ?? 'python3';
// In CI a lack of PyTorch fails and is not passed over.
const hasTorch = process.env['FLAMBEAU_CI'] === '1' || spawnSync(python, ['-c', 'import torch']).status === 0;

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
  const again = scratchFile(`${name}.again.pt`);
  app(name, '--steps', '2', '--save', pt, '--export-onnx', onnx);
  const still = ['--steps', '1', '--lr', '1e-30'];
  expect(app(name, ...still, '--load', pt, '--save', safetensors)).toContain(pt);
  expect(app(name, ...still, '--load', safetensors, '--save', again)).toContain(safetensors);
  // A step of a learning rate of 1e-30 changes no float32 parameter that is not about as small.
  const [first, second, third] = [await load(pt), await load(safetensors), await load(again)];
  expect([[...second.keys()].sort(), [...third.keys()]]).toEqual([[...first.keys()].sort(), [...first.keys()]]);
  for (const [key, value] of first) for (const other of [second, third]) expectSame(other.get(key), value);
  const net = make();
  net.loadStateDict(first);
  const x = randn(shape);
  const session = await ort.InferenceSession.create(readFileSync(onnx));
  const results = await session.run({ input: new ort.Tensor('float32', x.dataSync(), shape) });
  const y = noGrad(() => net.eval().forward(x) as Tensor);
  const expected = numbersOf(y);
  const actual = Array.from(results['output'].data, Number);
  expected.forEach((value, i) => expect(Math.abs(value - actual[i])).toBeLessThan(1e-5));
  if (!hasTorch) return;
  // PyTorch opens the app's own file, strictly and with weights_only, and computes the same.
  await save({ x, y }, scratchFile(`${name}.io.pt`));
  const checked = spawnSync(python, [checker, scratch, name], { encoding: 'utf8' });
  expect(checked.status, checked.stderr).toBe(0);
  expect((JSON.parse(checked.stdout) as Record<string, { difference: number }>)[name].difference).toBeLessThan(1e-5);
});
