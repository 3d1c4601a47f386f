import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { manualSeed, rand, setDefaultDevice, tensor, type DType, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { cpu } from '@flambeau/backend-cpu';
import { load, toBytes } from '@flambeau/serialization';
import { models, transforms } from '@flambeau/vision';

setDefaultDevice(cpu);

/** What a transform gives in torchvision, made by fixtures/makeTorchvision.py. */
interface Case {
  readonly recipe: transforms.TransformRecipe;
  readonly seed: number;
  readonly shape: number[];
  readonly values: number[];
  /** The next number of the stream, after what the transform drew. */
  readonly next: number;
}
interface Fixtures {
  readonly image: number[];
  readonly shape: number[];
  readonly tensors: readonly (Case & { image: 'uint8' | 'float32'; dtype: DType })[];
  readonly pictures: readonly Case[];
}
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8'));
const fixtures = read('torchvision.json') as Fixtures;
const resnets = read('resnets.json') as {
  shapes: Record<'resnet18' | 'resnet34' | 'resnet50', Record<string, number[]>>;
  sums: Record<'resnet18' | 'resnet50', Record<string, number>>;
};

const bytes = tensor(fixtures.image, { dtype: 'uint8' }).reshape(fixtures.shape);
const images = { uint8: bytes, float32: bytes.float().div(255) };
const title = ({ recipe: [name, ...args] }: Case): string => `${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`;

function grouped<C extends Case>(cases: readonly C[]): [string, C[]][] {
  const groups = new Map<string, C[]>();
  for (const one of cases) groups.set(title(one), [...(groups.get(title(one)) ?? []), one]);
  return [...groups];
}

/** The share of values that differ at all. */
const apart = (y: Tensor, values: readonly number[]): number =>
  Array.from(y.dataSync(), Number).filter((value, i) => value !== values[i]).length / values.length;

const furthest = (y: Tensor, values: readonly number[]): number =>
  Array.from(y.dataSync(), Number).reduce((most, value, i) => Math.max(most, Math.abs(value - values[i])), 0);

describe('transforms give torchvision’s numbers for a seed', () => {
  it.each(grouped(fixtures.tensors))('%s', (_, cases) => {
    for (const { recipe, image, seed, dtype, shape, values, next } of cases) {
      manualSeed(seed);
      const y = transforms.transformFrom(recipe).apply(images[image]);
      expect([y.dtype, y.shape]).toEqual([dtype, shape]);
      // Integers are equal, but where a float32 that is about to be rounded lies in the middle between two of them: a weighted sum of
      // pixels, or a hue, has other last digits than PyTorch's.
      const ties = dtype === 'uint8' && /Resize|"(contrast|brightness)".*"hue"/.test(JSON.stringify(recipe));
      expect(furthest(y, values), `${image}, seed ${seed}`).toBeLessThanOrEqual(ties ? 2 : dtype === 'uint8' ? 0 : 2e-6);
      if (ties) expect(apart(y, values), `${image}, seed ${seed}`).toBeLessThan(0.08);
      // As many random numbers were drawn.
      expect(rand(1).itemSync()).toBe(Math.fround(next));
    }
  });
});

describe('transforms of pictures give what torchvision’s give of PIL’s images', () => {
  const picture = bytes.permute(1, 2, 0).contiguous();
  it.each(grouped(fixtures.pictures))('%s', (_, cases) => {
    for (const { recipe, seed, shape, values, next } of cases) {
      manualSeed(seed);
      const y = new transforms.ToTensor().apply(transforms.transformFrom(recipe).apply(transforms.asPicture(picture)));
      expect(y.shape).toEqual(shape);
      // PIL rounds between its two passes when it scales, and its gray has other last digits of the weights.
      expect(furthest(y.mul(255), values), `seed ${seed}`).toBeLessThanOrEqual(/Resize|Gray/.test(recipe[0]) ? 1.01 : 1e-4);
      expect(rand(1).itemSync()).toBe(Math.fround(next));
    }
  });
});

describe('torchvision’s residual networks', () => {
  const make = { resnet18: models.resnet18, resnet34: models.resnet34, resnet50: models.resnet50 };
  const nets = ['resnet18', 'resnet34', 'resnet50'] as const;

  it.each(nets)('%s has their keys and shapes, in their order', (name) => {
    const state = make[name]().stateDict();
    const shapes = Object.fromEntries([...state].map(([key, { shape }]) => [key, [...shape]]));
    expect(shapes).toEqual(resnets.shapes[name]);
    expect(Object.keys(shapes)).toEqual(Object.keys(resnets.shapes[name]));
  });

  it.each(['resnet18', 'resnet50'] as const)('%s begins with their weights for a seed', (name) => {
    manualSeed(1);
    const state = make[name]({ numClasses: 10 }).stateDict();
    for (const [key, sum] of Object.entries(resnets.sums[name])) {
      const own = state.get(key)?.double().sum().itemSync();
      // Sums of up to two million numbers, with float32 rounding in each.
      expect(Math.abs((own ?? Number.NaN) - sum), key).toBeLessThan(1e-3 + 1e-5 * Math.abs(sum));
    }
  });

  it('load a weight file in their layout', async () => {
    // A file as torchvision's are: a state dict under its keys, in .pt, here of numbers that tell their place.
    manualSeed(3);
    const state = new Map(
      Object.entries(resnets.shapes.resnet18).map(([key, shape]) => [
        key,
        key.endsWith('num_batches_tracked')
          ? tensor(7, { dtype: 'int64' })
          : rand(shape)
              .mul(0.1)
              .add(key.endsWith('running_var') ? 1 : 0),
      ]),
    );
    const file = await load(await toBytes(state, { format: 'pt' }));
    const net = models.resnet18();
    net.loadStateDict(file);
    expect(net.layer3[0]).toBeInstanceOf(models.BasicBlock);
    expect(
      net
        .stateDict()
        .get('layer4.1.conv2.weight')
        ?.equal(state.get('layer4.1.conv2.weight') as Tensor),
    ).toBe(true);
    const scores = noGrad(() => net.eval().forward(rand(1, 3, 64, 64)));
    expect(scores.shape).toEqual([1, 1000]);
    expect(scores.isfinite().all().itemSync()).toBe(true);
  });
});
