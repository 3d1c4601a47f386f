import { describe, expect, it } from 'vitest';
import { getDefaultDevice, linspace, manualSeed, rand, setDefaultDevice, tensor, zeros, type Device, type Tensor } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { reference } from '@flambeau/backend-reference';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { load, loadCheckpoint, saveCheckpoint, toBytes } from '@flambeau/serialization';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '../../packages/conformance/test/webgpu/open.ts';

setDefaultDevice(cpu);
const gpu = await open();

interface Program {
  readonly net: nn.Sequential;
  readonly optimizer: optim.Optimizer;
  /** One step on the device of the net; returns the loss. */
  step(): Promise<number>;
}

const makers: Readonly<Record<string, (net: nn.Module) => optim.Optimizer>> = {
  'SGD with momentum': (net) => new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 }),
  Adam: (net) => new optim.Adam(net.parameters(), { lr: 0.02 }),
};

/** The regression of the tutorial, whose data follow the net wherever it goes. */
function program(make: (net: nn.Module) => optim.Optimizer): Program {
  manualSeed(1);
  const inputs = linspace(-1, 1, 100, { device: cpu }).unsqueeze(1);
  const targets = inputs.pow(2).add(rand(inputs.size(), { device: cpu }).mul(0.2));
  const net = new nn.Sequential(new nn.Linear(1, 10), new nn.ReLU(), new nn.Linear(10, 1));
  const optimizer = make(net);
  const lossFunction = new nn.MSELoss();
  return {
    net,
    optimizer,
    async step() {
      const [{ device }] = net.parameters();
      const loss = lossFunction.forward(net.forward(inputs.to(device)), targets.to(device));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    },
  };
}

async function losses({ step }: Program, count: number): Promise<number[]> {
  const out: number[] = [];
  for (let i = 0; i < count; i++) out.push(await step());
  return out;
}

const close = (ours: readonly number[], expected: readonly number[]): void => {
  expect(ours).toHaveLength(expected.length);
  for (const [i, x] of ours.entries()) expect(Math.abs(x - expected[i])).toBeLessThan(1e-4);
};

const others: readonly [string, Device | undefined][] = [
  ['reference', reference],
  ['webgpu', gpu],
];

describe.each(others.filter(([, device]) => device !== undefined) as [string, Device][])('swapping to %s', (_, other) => {
  it('moves a tensor there and back with its values, dtype and shape', async () => {
    for (const x of [
      tensor([
        [1.5, -2],
        [0, 4],
      ]),
      tensor([1, 2, 3], { dtype: 'int32' }),
      tensor([true, false, true]),
      tensor(7),
      zeros(0, 3),
    ]) {
      const there = x.to(other);
      expect(there.device).toBe(other);
      expect([there.shape, there.dtype]).toEqual([x.shape, x.dtype]);
      const back = await there.toAsync(cpu);
      expect(back.device).toBe(cpu);
      expect(back.toArraySync()).toEqual(x.toArraySync());
    }
    // The same device gives the same tensor.
    const x = tensor([1], { device: other });
    expect(x.to(other)).toBe(x);
  });

  it.each(Object.entries(makers))('moves a net in the middle of its training, and the state of %s follows', async (__, make) => {
    const whole = await losses(program(make), 12);
    const moved = program(make);
    const before = [...moved.net.parameters()];
    const first = await losses(moved, 6);
    moved.net.to(other);
    for (const [i, parameter] of [...moved.net.parameters()].entries()) expect(parameter).toBe(before[i]);
    for (const parameter of moved.net.parameters()) expect(parameter.device).toBe(other);
    close([...first, ...(await losses(moved, 3))], whole.slice(0, 9));
    // And home again.
    await moved.net.toAsync(cpu);
    await moved.optimizer.followAsync();
    for (const parameter of moved.net.parameters()) expect(parameter.device).toBe(cpu);
    close(await losses(moved, 3), whole.slice(9));
  });

  it('makes tensors and nets on the default device, with the numbers of the CPU', async () => {
    const make = (): nn.Linear => {
      manualSeed(3);
      return new nn.Linear(4, 2);
    };
    const onCpu = make();
    setDefaultDevice(other);
    try {
      expect(getDefaultDevice()).toBe(other);
      expect(zeros(2).device).toBe(other);
      const there = make();
      expect(there.weight.device).toBe(other);
      expect(await there.weight.toArray()).toEqual(onCpu.weight.toArraySync());
      // cpu can still be asked for by name.
      expect(zeros(2, { device: cpu }).device).toBe(cpu);
    } finally {
      setDefaultDevice(cpu);
    }
  });

  it('runs two backends side by side in one process', async () => {
    const [here, there] = [program(makers.Adam), program(makers.Adam)];
    there.net.to(other);
    const [a, b]: number[][] = [[], []];
    for (let i = 0; i < 6; i++) {
      a.push(await here.step());
      b.push(await there.step());
    }
    close(b, a);
  });

  it('refuses ops on two devices and names both', () => {
    const [x, y] = [tensor([1, 2], { device: cpu }), tensor([3, 4], { device: other })];
    for (const mixed of [() => x.add(y), () => y.matmul(x), () => new nn.Linear(2, 1).forward(y), () => nn.functional.mseLoss(x, y)]) {
      expect(mixed).toThrow(new RegExp(`cpu.*${other.name}|${other.name}.*cpu`));
      expect(mixed).toThrow(expect.objectContaining({ code: 'DEVICE' }) as Error);
    }
  });

  it('loads there what was saved here, and here what was saved there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'swap-'));
    for (const [from, to] of [
      [cpu, other],
      [other, cpu],
    ] as const) {
      // prettier-ignore
      const whole = program(makers.Adam);
      whole.net.to(from);
      await losses(whole, 4);
      const file = join(folder, `${from.name}-${to.name}.ckpt`);
      await saveCheckpoint(file, { model: whole.net, optimizer: whole.optimizer });
      const rest = await losses(whole, 3);
      const fresh = program(makers.Adam);
      fresh.net.to(to);
      await loadCheckpoint(file, { model: fresh.net, optimizer: fresh.optimizer });
      for (const parameter of fresh.net.parameters()) expect(parameter.device).toBe(to);
      close(await losses(fresh, 3), rest);

      // A state dict alone, read onto either device.
      const bytes = await toBytes(whole.net.stateDict(), { format: 'safetensors' });
      const state = await load<Map<string, Tensor>>(bytes, { device: to });
      expect([...state.values()].every(({ device }) => device === to)).toBe(true);
    }
  });
});

it.skipIf(gpu === undefined)('says how to read from a device that cannot be read at once', () => {
  const x = tensor([1], { device: gpu ?? cpu });
  expect(() => x.itemSync()).toThrow(/await x\.item\(\)/);
  expect(() => x.to(cpu)).toThrow(/toAsync/);
});
