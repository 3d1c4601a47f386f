import { setDefaultDevice } from '@flambeau/core';
import { describe, expect, it } from 'vitest';
import { judge, knownAmong, ownCases } from '../../src/known.ts';
import { readJobs } from '../../src/run.ts';
import { open } from './open.ts';

const gpu = await open();
if (gpu !== undefined) setDefaultDevice(gpu);

/** What training and everyday work with tensors need, one family of kernels after the other; the long tests take every case of every file. */
const everyday: Readonly<Record<string, readonly string[]>> = {
  tensor: [
    'abs', 'add', 'addmm', 'all', 'amax', 'any', 'argmax', 'argsort', 'cat', 'chunk', 'clamp', 'cumsum', 'diff', 'div', 'einsum', 'eq',
    'exp', 'expand', 'floor_divide', 'index_add', 'index_select', 'isnan', 'lerp', 'log', 'logsumexp', 'masked_select',
    'matmul', 'max', 'mean', 'mul', 'nonzero', 'permute', 'pow', 'prod', 'remainder', 'roll', 'scatter', 'scatter_add', 'sigmoid', 'sort',
    'split', 'sqrt', 'stack', 'std', 'sub', 'sum', 'tanh', 'topk', 'tril', 'unfold', 'unique', 'unsqueeze', 'var', 'where',
  ],
  nn: [
    'avg_pool2d', 'batch_norm', 'binary_cross_entropy_with_logits', 'conv_transpose2d', 'cosine_similarity', 'cross_entropy',
    'embedding', 'gelu', 'group_norm', 'interpolate', 'linear', 'max_pool2d', 'mse_loss', 'relu', 'scaled_dot_product_attention',
    'silu', 'smooth_l1_loss',
  ].map((name) => `nn.functional.${name}`),
  modules: ['Conv2d', 'LayerNorm', 'LSTM', 'MultiheadAttention', 'BatchNorm2d'].map((name) => `nn.${name}`),
  optimizers: ['optim.Adam', 'optim.AdamW', 'optim.SGD', 'optim.RMSprop'],
}; // prettier-ignore

const nameOf = (id: string): string => id.split(/[#/]/)[0];

describe.skipIf(gpu === undefined)('everyday samples of PyTorch pass on webgpu', () => {
  const known = knownAmong(ownCases, 'webgpu');

  it.each(Object.entries(everyday))('%s.json', async (file, names) => {
    if (gpu === undefined) return;
    const jobs = readJobs(ownCases, file);
    // The first sample of each, and of every third the first of integers too.
    const chosen = names.flatMap((name, i) => {
      const own = jobs.filter(({ id }) => nameOf(id) === name);
      return [...own.slice(0, 1), ...own.filter(({ id }) => i % 3 === 0 && id.includes('#int64')).slice(0, 1)];
    });
    expect(names.filter((name) => !chosen.some(({ id }) => nameOf(id) === name))).toEqual([]);
    const outcomes = [];
    for (const job of chosen) outcomes.push(await job.run(gpu));
    expect(judge(outcomes, known).unknown.map(({ id, status, detail }) => `${id}: ${status}: ${detail}`)).toEqual([]);
    expect(outcomes.filter(({ status }) => status === 'passed').length).toBeGreaterThanOrEqual(names.length);
  });
});
