import * as autograd from '@flambeau/autograd';
import * as core from '@flambeau/core';
import * as serialization from '@flambeau/serialization';
import * as flambeau from 'flambeau';
import { describe, expect, it } from 'vitest';

describe('the umbrella', () => {
  it.each(Object.entries({ core, autograd, serialization }))('exports all that %s exports', (_, parts) => {
    const whole: Readonly<Record<string, unknown>> = flambeau;
    for (const [name, value] of Object.entries(parts)) expect(whole[name], name).toBe(value);
  });

  it('saves and loads with one import', async () => {
    const { nn, ones, toBytes, load, modelToBytes, loadModel, onnxBytes } = flambeau;
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.Tanh());
    const y = net.forward(ones(1, 2));
    net.loadStateDict(await load(await toBytes(net.stateDict(), { format: 'npz' })));
    const back = await loadModel<typeof net>(await modelToBytes(net));
    expect(back.forward(ones(1, 2)).equal(y)).toBe(true);
    expect((await onnxBytes(net, ones(1, 2))).length).toBeGreaterThan(100);
  });
});
