import { Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import type * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { loadModel, modelToBytes } from '../src/index.ts';
import { layerCases, lazyLayers, randomized, type Case } from './layerCases.ts';
import { numbersOf } from './helpers.ts';

const outputs = (value: unknown): Tensor[] => (value instanceof Tensor ? [value] : Array.isArray(value) ? value.flatMap(outputs) : []);
const run = ([layer, ...args]: Case): number[][] => outputs(noGrad(() => layer.eval().forward(...args))).map(numbersOf);

describe('a saved network of one layer', () => {
  const formats = ['safetensors', 'pt'] as const;
  Object.entries(layerCases).forEach(([name, [layer, ...args]], i) =>
    it(`brings back ${name}`, async () => {
      const back = await loadModel<nn.Module>(await modelToBytes(layer, { format: formats[i % 2] }));
      expect(back.constructor).toBe(layer.constructor);
      expect(String(back)).toBe(String(layer));
      expect([...back.stateDict().keys()]).toEqual([...layer.stateDict().keys()]);
      expect(run([back, ...args])).toEqual(run([layer, ...args]));
    }),
  );

  for (const [name, [layer, x]] of Object.entries(lazyLayers))
    it(`brings back ${name} after its first input`, async () => {
      layer.forward(x);
      randomized(layer);
      const back = await loadModel<nn.Module>(await modelToBytes(layer));
      expect(run([back, x])).toEqual(run([layer, x]));
    });
});
