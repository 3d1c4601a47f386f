import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { dtypeNames, manualSeed, randn, tensor, Tensor, type DType } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { beforeAll, describe, expect, it } from 'vitest';
import { load, save } from '../src/index.ts';
import { classifier, CNN, Net, RNN, seeded } from './nets.ts';
import { edgeValues } from './edgeValues.ts';
import { numbersOf, scratch, scratchFile } from './helpers.ts';

/** The Python that has PyTorch; FLAMBEAU_PYTHON names another one than python3. */
const python = process.env['FLAMBEAU_PYTHON'] ?? 'python3';
const found = spawnSync(python, ['-c', 'import torch; print(hasattr(torch, "uint32"))'], { encoding: 'utf8' });
const missing = found.status !== 0;
/** PyTorch has uint32 since 2.3. */
const known = (dtype: string): boolean => dtype !== 'uint32' || found.stdout.includes('True');
const dtypes = dtypeNames.filter(known);
const edges = Object.entries(edgeValues).filter(([dtype]) => known(dtype));

interface Report {
  readonly version: string;
  readonly adam: { difference: number; lr: number; epoch: number };
  readonly values: {
    tensors: Record<string, [string, number[], number[]]>;
    edges: Record<string, [string, string[]]>;
    shared: boolean;
    strides: number[];
    plain: unknown;
    bytes: number[];
    keys: string[];
    order: string;
    set: string[];
    nothing: string;
  };
  readonly back: Record<string, number>;
  readonly [net: string]: unknown;
}

const normed = (): nn.Sequential =>
  new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.BatchNorm2d(4), new nn.ReLU(), new nn.Flatten(), new nn.Linear(4 * 26 * 26, 3));

const nets: Readonly<Record<string, readonly [() => nn.Module, number[]]>> = {
  regression: [() => new Net(), [5, 1]],
  classification: [classifier, [5, 2]],
  cnn: [() => new CNN(), [4, 1, 28, 28]],
  lstm: [() => new RNN(), [4, 28, 28]],
  normed: [normed, [4, 1, 28, 28]],
};

async function writeNets(): Promise<void> {
  for (const [name, [make, shape]] of Object.entries(nets)) {
    const net = seeded(make);
    // In training mode once, so that running statistics and the count of batches are not the first ones.
    if (name === 'normed') noGrad(() => net.forward(randn(shape)));
    const x = randn(shape);
    await save(net.stateDict(), scratchFile(`${name}.pt`));
    await save({ x, y: noGrad(() => net.eval().forward(x)) }, scratchFile(`${name}.io.pt`));
  }
}

async function writeAdam(): Promise<void> {
  const net = seeded(() => new Net());
  const adam = new optim.Adam(net.parameters(), { lr: 0.01 });
  const [x, y] = [randn(20, 1), randn(20, 1)];
  const step = (): void => {
    const loss = new nn.MSELoss().forward(net.forward(x), y);
    adam.zeroGrad();
    loss.backward();
    adam.step();
  };
  for (let i = 0; i < 3; i++) step();
  const model = new Map([...net.stateDict()].map(([key, value]) => [key, value.clone()]));
  const optimizer = structured(adam.stateDict());
  step();
  await save({ epoch: 7, model, optimizer, x, y, after: net.stateDict() }, scratchFile('adam.pt'));
}

/** A copy of a state whose tensors are copies too. */
function structured(value: unknown): unknown {
  if (value instanceof Tensor) return value.clone();
  if (Array.isArray(value)) return value.map(structured);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, structured(item)]));
  return value;
}

describe.skipIf(missing && process.env['FLAMBEAU_CI'] !== '1')('PyTorch reads what save wrote', () => {
  let report: Report;

  beforeAll(async () => {
    if (missing) throw new Error(`${python} has no PyTorch, which this machine must have: ${found.stderr}`);
    await writeNets();
    await writeAdam();
    manualSeed(2);
    const whole = randn(3, 4);
    await save(
      {
        tensors: Object.fromEntries(dtypes.map((dtype) => [dtype, tensor([[0, 1], [1, 100]], { dtype })])), // prettier-ignore
        edges: Object.fromEntries(edges.map(([dtype, values]) => [dtype, tensor([...values] as number[], { dtype: dtype as DType })])),
        shared: { whole, transposed: whole.t() },
        plain: [1, -2.5, 'größer ☃', null, true, 2 ** 40],
        bytes: Uint8Array.of(0, 127, 128, 255),
        keys: { 0: 'zero', name: 'text' },
        map: new Map([['1', 2]]),
        set: new Set(['a', 2]),
        nothing: new Map([[null, 2n ** 70n]]),
      },
      scratchFile('values.pt'),
    );
    const script = fileURLToPath(new URL('./pytorch/check.py', import.meta.url));
    const ran = spawnSync(python, [script, scratch], { encoding: 'utf8', maxBuffer: 2 ** 26 });
    if (ran.status !== 0) throw new Error(ran.stderr);
    report = JSON.parse(ran.stdout) as Report;
  }, 120_000);

  it.each(Object.keys(nets))('loads the %s net strictly, with weights_only, and gives the same outputs', (name) => {
    expect((report[name] as { difference: number }).difference).toBeLessThan(1e-5);
  });

  it('resumes Adam and makes the same step', () => {
    expect(report.adam.difference).toBeLessThan(1e-6);
    expect([report.adam.lr, report.adam.epoch]).toEqual([0.01, 7]);
  });

  it('finds every dtype with its values, and what is shared', () => {
    for (const dtype of dtypes) {
      const top = dtype === 'bool' ? 1 : 100;
      expect(report.values.tensors[dtype]).toEqual([`torch.${dtype}`, [2, 2], [0, 1, 1, top]]);
    }
    expect([report.values.shared, report.values.strides]).toEqual([true, [1, 4]]);
  });

  it('finds negative, fractional and large values of every dtype, bit by bit', () => {
    const unsigned = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;
    expect(Object.keys(report.values.edges)).toEqual(edges.map(([dtype]) => dtype));
    const bits: Record<string, ArrayBuffer> = {
      int8: Int8Array.from(edgeValues.int8).buffer,
      int16: Int16Array.from(edgeValues.int16).buffer,
      int32: Int32Array.from(edgeValues.int32).buffer,
      uint32: Uint32Array.from(edgeValues.uint32).buffer,
      int64: BigInt64Array.from(edgeValues.int64).buffer,
      uint8: Uint8Array.from(edgeValues.uint8).buffer,
      bool: Uint8Array.from(edgeValues.bool, Number).buffer,
      float32: Float32Array.from(edgeValues.float32).buffer,
      float64: Float64Array.from(edgeValues.float64).buffer,
      // sign, 5 bits of exponent, 10 of fraction: -0.5 = -2^-1, 1 + 2^-10, the largest, -2^-14
      float16: Uint16Array.of(0xb800, 0x3c01, 0x7bff, 0x8400).buffer,
      // sign, 8 bits of exponent, 7 of fraction: -0.5, 1 + 2^-7, the most negative, 2^-126
      bfloat16: Uint16Array.of(0xbf00, 0x3f81, 0xff7f, 0x0080).buffer,
    };
    for (const [dtype, [name, told]] of Object.entries(report.values.edges)) {
      expect(name).toBe(`torch.${dtype}`);
      const width = (bits[dtype].byteLength / 4) as keyof typeof unsigned;
      expect(told, dtype).toEqual(Array.from<number | bigint, string>(new unsigned[width](bits[dtype]), String));
    }
  });

  it('finds plain values, bytes, sets and keys that are no strings as Python has them', () => {
    expect(report.values.plain).toEqual([1, -2.5, 'größer ☃', null, true, 2 ** 40]);
    expect(report.values.bytes).toEqual([0, 127, 128, 255]);
    expect([report.values.keys, report.values.order]).toEqual([['int', 'str'], 'OrderedDict']);
    expect([report.values.set, report.values.nothing]).toEqual([["'a'", '2'], `OrderedDict([(None, ${2n ** 70n})])`]);
  });

  it.each(['back.pt', 'back.legacy.pt'])('and writes %s, which load reads', async (name) => {
    const { state, step } = await load<{ state: Map<string, Tensor>; step: number }>(scratchFile(name));
    expect(step).toBe(3);
    expect([...state.keys()]).toEqual(Object.keys(report.back));
    for (const [key, x] of state) {
      const sum = numbersOf(x).reduce((a, b) => a + b, 0);
      expect(Math.abs(sum - report.back[key])).toBeLessThan(1e-9);
    }
    new CNN().loadStateDict(state);
  });
});
