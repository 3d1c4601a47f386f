import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { setDefaultDevice } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import type { WebGpuDevice } from '@flambeau/backend-webgpu';
import { open } from '../../../packages/conformance/test/webgpu/open.ts';
import { classification } from '@flambeau/app-classification';
import { cnn } from '@flambeau/app-cnn';
import { lstm } from '@flambeau/app-lstm';
import { regression } from '@flambeau/app-regression';
import { furthest, lossesOf } from './quietly.ts';

setDefaultDevice(cpu);
const gpu = await open();

// Twenty steps with the apps' own batches.
describe.skipIf(gpu === undefined)('the losses of twenty whole steps on the GPU', () => {
  it.each([
    [regression, { steps: 20 }],
    [classification, { steps: 20 }],
    [cnn, { steps: 20 }],
    [lstm, { steps: 20 }],
  ])('follow those on the CPU ($name)', async (app, options) => {
    const onCpu = await lossesOf(app, cpu, options);
    expect(onCpu).toHaveLength(options.steps);
    const device = gpu as WebGpuDevice;
    const before = device.counters.submissions;
    const onGpu = await lossesOf(app, device, options);
    expect(device.counters.submissions - before).toBeGreaterThanOrEqual(options.steps);
    expect(furthest(onGpu, onCpu)).toBeLessThan(1e-3);
  });
});

describe.skipIf(gpu === undefined)('an app in Node with --device webgpu', () => {
  it.each([
    ['cnn', '40', '20', 0.6],
    ['lstm', '60', '32', 0.35],
  ])('trains the %s to its end, evaluation included', (name, steps, batchSize, accuracy) => {
    const command = ['tools/app.mjs', name, '--device', 'webgpu', '--steps', steps, '--batch-size', batchSize];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, {
      cwd: fileURLToPath(new URL('../../../', import.meta.url)),
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/on webgpu, .*dispatches in \d+ submission/);
    expect(stdout).toMatch(/real number/);
    expect(Number(/loss [\d.]+, accuracy ([\d.]+)\n/.exec(stdout)?.[1])).toBeGreaterThan(accuracy);
  });
});
