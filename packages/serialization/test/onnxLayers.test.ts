import { randn } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { onnxBytes } from '../src/index.ts';
import { containers, layerCases, lazyLayers, randomized } from './layerCases.ts';
import { expectExported } from './onnxRuntime.ts';

describe('layers in ONNX Runtime', () => {
  for (const [name, [layer, ...args]] of Object.entries(layerCases)) it(`runs ${name}`, () => expectExported(layer, args));

  for (const [name, [layer, x]] of Object.entries(lazyLayers))
    it(`runs ${name} once its first input has told its size, and says so before`, async () => {
      await expect(onnxBytes(layer, x)).rejects.toMatchObject({ code: 'ARGUMENT' });
      layer.forward(x);
      randomized(layer);
      await expectExported(layer, [x]);
    });

  for (const [name, container] of Object.entries(containers))
    it(`has nothing to run in a ${name}`, async () => {
      await expect(onnxBytes(container, randn(2))).rejects.toMatchObject({
        name: expect.stringMatching(/Error$/),
        code: expect.any(String),
      });
    });

  it('leaves out no layer of nn', () => {
    const tried = new Set([
      ...Object.values(layerCases).map(([layer]) => layer.constructor.name),
      ...Object.keys(lazyLayers),
      ...Object.keys(containers),
    ]);
    // RNNBase is what LSTM, GRU and RNN have in common, and no layer by itself.
    const all = Object.entries(nn as Readonly<Record<string, unknown>>).filter(
      ([, value]) => typeof value === 'function' && value.prototype instanceof nn.Module && value !== nn.RNNBase,
    );
    expect(all.length).toBeGreaterThan(140);
    expect(all.map(([name]) => name).filter((name) => !tried.has(name))).toEqual([]);
  });
});
