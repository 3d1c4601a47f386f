import { manualSeed, randn, Tensor, tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { load, loadModel, modelToBytes, registerModules, saveModel } from '../src/index.ts';
import { BasicBlock, classifier, CNN, Net, resnet18, RNN, seeded, SmallTransformer } from './nets.ts';
import { expectSame, largestDifference, scratchFile } from './helpers.ts';

const output = (net: nn.Module, x: Tensor): Tensor => noGrad(() => net.eval().forward(x) as Tensor);

const nets: readonly [string, () => nn.Module, () => Tensor, Record<string, new () => nn.Module>][] = [
  ['regression', () => new Net(), () => randn(5, 1), { Net }],
  ['classification', classifier, () => randn(5, 2), {}],
  ['cnn', () => new CNN(), () => randn(2, 1, 28, 28), { CNN }],
  ['lstm', () => new RNN(), () => randn(2, 28, 28), { RNN }],
  ['ResNet-18', () => resnet18(4, 10), () => randn(1, 3, 32, 32), { BasicBlock } as never],
  ['transformer', () => new SmallTransformer(), () => tensor([[1, 2, 3], [4, 5, 49]], { dtype: 'int32' }), { SmallTransformer }], // prettier-ignore
];

describe('whole networks', () => {
  for (const [name, make, input, classes] of nets) {
    for (const format of ['safetensors', 'pt'] as const) {
      it(`brings back the ${name} net through ${format}, printed the same and with the same outputs`, async () => {
        const net = seeded(make);
        const file = scratchFile(`${name}.${format}`);
        await saveModel(net, file);
        const back = await loadModel(file, { classes });
        expect(String(back)).toBe(String(net));
        expect([...back.stateDict().keys()]).toEqual([...net.stateDict().keys()]);
        const x = input();
        expect(largestDifference(output(back, x), output(net, x))).toBe(0);
      });
    }
  }

  it('needs no random numbers and keeps options, modes and what requires a gradient', async () => {
    const net = new nn.Sequential(
      new nn.Conv2d(1, 2, 3, { padding: 'same', bias: false }),
      new nn.BatchNorm2d(2, { momentum: null }),
      new nn.Dropout(0.25),
    );
    net.eval();
    for (const parameter of net[0].parameters()) parameter.requiresGrad = false;
    const bytes = await modelToBytes(net);
    manualSeed(5);
    const expected = randn(3);
    manualSeed(5);
    const back = await loadModel<nn.Sequential>(bytes);
    expectSame(randn(3), expected);
    expect([...back.modules()].map((module) => module.training)).toEqual([false, false, false, false]);
    expect([...back.parameters()].map((parameter) => parameter.requiresGrad)).toEqual([false, true, true]);
    expect([...back.parameters()].every((parameter) => parameter instanceof nn.Parameter)).toBe(true);
    expect((back[1] as nn.BatchNorm2d).momentum).toBe(null);
    expect(String(back)).toBe(String(net));
  });

  it('keeps tied weights tied and shared modules one', async () => {
    class Tied extends nn.Module {
      embed = new nn.Linear(4, 4);
      out = new nn.Linear(4, 4);
      again = this.embed;

      constructor() {
        super();
        this.out.weight = this.embed.weight;
      }

      forward(x: Tensor): Tensor {
        return this.out.forward(this.again.forward(this.embed.forward(x)));
      }
    }
    for (const format of ['safetensors', 'pt'] as const) {
      const back = await loadModel<Tied>(await modelToBytes(new Tied(), { format }), { classes: { Tied } });
      expect(back.again).toBe(back.embed);
      expect(back.out.weight).toBe(back.embed.weight);
      expect([...back.parameters()]).toHaveLength(3); // weight, embed.bias, out.bias
    }
  });

  it('names the classes that nobody registered, all of them', async () => {
    class Inner extends nn.Module {
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    class Outer extends nn.Module {
      inner = new Inner();

      forward(x: Tensor): Tensor {
        return this.inner.forward(x);
      }
    }
    const bytes = await modelToBytes(new Outer());
    await expect(loadModel(bytes)).rejects.toMatchObject({ code: 'FILE_NOT_ALLOWED' });
    await expect(loadModel(bytes)).rejects.toThrow(/Outer, Inner, which no one registered.*classes: \{ Outer, Inner \}/);
    await expect(loadModel(bytes, { classes: { Outer } })).rejects.toThrow(/Inner, which/);
    registerModules(Outer, Inner);
    expect(await loadModel(bytes)).toBeInstanceOf(Outer);
  });

  it('takes no class from the prototype chain or from what is no module', async () => {
    for (const name of ['constructor', 'toString', '__proto__', 'functional', 'Parameter', 'Module']) {
      const json = JSON.stringify({ format: 'flambeau.network', version: 1, modules: [{ class: name, fields: [] }] });
      const header = new TextEncoder().encode(JSON.stringify({ __metadata__: { 'flambeau.network': json } }));
      const bytes = new Uint8Array(8 + header.length);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
      bytes.set(header, 8);
      await expect(loadModel(bytes), name).rejects.toMatchObject({ code: 'FILE_NOT_ALLOWED' });
    }
  });

  it('lets no field stand in the way of a method', async () => {
    const text = Buffer.from(await modelToBytes(new nn.ReLU(), { format: 'safetensors' })).toString('latin1');
    const evil = text.replace('training', 'forward ').replace('forward \\"', 'forward\\" ');
    expect(evil).not.toBe(text);
    await expect(loadModel(new Uint8Array(Buffer.from(evil, 'latin1')))).rejects.toMatchObject({ code: 'FILE_FORMAT' });
  });

  it('refuses a field that is a function, by its place', async () => {
    class Bad extends nn.Module {
      inner = new nn.Sequential(new nn.ReLU());
      activation = (x: Tensor): Tensor => x;

      forward(x: Tensor): Tensor {
        return this.activation(x);
      }
    }
    await expect(modelToBytes(new Bad())).rejects.toThrow(/function activation in activation/);
  });

  it('writes a file whose tensors are a state dict, and says what a mere state dict lacks', async () => {
    const net = seeded(() => new Net());
    const bytes = await modelToBytes(net);
    const state = await load(bytes);
    for (const [key, value] of net.stateDict()) expectSame(state.get(key), value);
    const pt = await load<{ state_dict: Map<string, Tensor> }>(await modelToBytes(net, { format: 'pt' }));
    expect([...pt.state_dict.keys()]).toEqual([...net.stateDict().keys()]);
    const { toBytes } = await import('../src/index.ts');
    await expect(loadModel(await toBytes(net.stateDict()))).rejects.toThrow(/net\.loadStateDict\(await load\(file\)\)/);
  });
});
