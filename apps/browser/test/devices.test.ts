import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { setDefaultDevice } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { open } from '../../../packages/conformance/test/webgpu/open.ts';
import { classification } from '@flambeau/app-classification';
import { cnn } from '@flambeau/app-cnn';
import { lstm } from '@flambeau/app-lstm';
import { regression } from '@flambeau/app-regression';
import { furthest, lossesOf } from './quietly.ts';

setDefaultDevice(cpu);
const gpu = await open();

// The long tests take the apps' own batches; a software adapter takes its time for them. `most` is what a step asks of the GPU today, with its
// loss and accuracy read.
describe.skipIf(gpu === undefined)('the losses on the GPU', () => {
  it.each([
    [regression, { steps: 20 }, { dispatches: 8, submissions: 1 }],
    [classification, { steps: 20 }, { dispatches: 15, submissions: 2 }],
    [cnn, { steps: 5, batchSize: 4 }, { dispatches: 33, submissions: 3 }],
    [lstm, { steps: 5, batchSize: 8 }, { dispatches: 34, submissions: 2 }],
  ])('follow those on the CPU, for few dispatches that do not grow ($name)', async (app, options, most) => {
    const onCpu = await lossesOf(app, cpu, options);
    expect(onCpu).toHaveLength(options.steps);
    if (gpu === undefined) return;
    const counted = [gpu.counters];
    const onGpu = await lossesOf(app, gpu, options, () => void counted.push(gpu.counters));
    expect(furthest(onGpu, onCpu)).toBeLessThan(1e-3);
    const steps = counted.slice(1).map((now, i) => ({
      dispatches: now.dispatches - counted[i].dispatches,
      submissions: now.submissions - counted[i].submissions,
    }));
    console.log(`${app.name}: ${steps.map(({ dispatches, submissions }) => `${dispatches}/${submissions}`).join(' ')} dispatches/submissions a step`); // prettier-ignore
    // The first step makes the optimizer's state and fills the seed of the walks back; the second may still compile what it then needs, which
    // splits its submission; the last draws a chart.
    for (const { dispatches } of steps.slice(1, -1)) expect(dispatches).toBeLessThanOrEqual(most.dispatches);
    for (const { submissions } of steps.slice(2, -1)) expect(submissions).toBeLessThanOrEqual(most.submissions);
  });
});

describe.skipIf(gpu === undefined)('an app in Node with --device webgpu', () => {
  it('finds an adapter by itself, says which, and trains to its end', () => {
    const { VK_ICD_FILENAMES: _, LD_LIBRARY_PATH: __, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/app.mjs', 'regression', '--device', 'webgpu'], {
      cwd: fileURLToPath(new URL('../../../', import.meta.url)),
      env,
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/regression: seed 1, device webgpu \(webgpu, .+\)/);
    expect(stdout).toMatch(/step 100\/100 {2}loss 0\.01/);
    expect(stdout).toMatch(/, 8 dispatches in 1 submission a step, loss/);
  });
});
