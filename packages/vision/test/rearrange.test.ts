import { describe, expect, it } from 'vitest';
import { arange, manualSeed, profile, rand, randint, scope, type Device, type Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import { cpu } from '@flambeau/backend-cpu';
import { reference } from '@flambeau/backend-reference';
import { transforms } from '@flambeau/vision';
import { lookUp } from '../src/transforms/lookUp.ts';
import { allPlaces, cut, mirrored, rearrange, type Span } from '../src/transforms/places.ts';

const devices: [string, Device][] = [
  ['cpu', cpu],
  ['reference', reference],
];

/** The places of a span, -1 for padding. */
const places = ({ count, inside, end, from, step }: Span): number[] =>
  Array.from({ length: count }, (_, i) => (i < inside || i >= end ? -1 : from + step * (i - inside)));

describe('spans', () => {
  const { rows } = allPlaces(5, 1);

  it('are cut, beyond both ends too, and mirrored, one after the other', () => {
    expect(places(rows)).toEqual([0, 1, 2, 3, 4]);
    expect(places(cut(rows, -2, 4))).toEqual([-1, -1, 0, 1]);
    expect(places(cut(rows, 3, 4))).toEqual([3, 4, -1, -1]);
    expect(places(mirrored(cut(rows, 3, 4)))).toEqual([-1, -1, 4, 3]);
    expect(places(cut(mirrored(cut(rows, -1, 7)), 2, 4))).toEqual([3, 2, 1, 0]);
    expect(places(cut(rows, 9, 2))).toEqual([-1, -1]);
    expect(places(cut(rows, -9, 2))).toEqual([-1, -1]);
  });
});

describe('on the CPU', () => {
  it('bytes are looked up, and images moved, by its own kernels: nothing of a batch goes through JavaScript or a composition', () => {
    const pictures = transforms.asPicture(randint(256, [3, 6, 5, 3], { dtype: 'uint8', device: cpu }));
    const augment = new transforms.Compose([
      new transforms.RandomCrop(5, { padding: 2 }),
      new transforms.RandomHorizontalFlip(),
      new transforms.ToTensor(),
      new transforms.Normalize([0.5], [0.25]),
    ]);
    augment.batch?.(pictures);
    const { profile: measured } = profile(() => augment.batch?.(pictures));
    const routes = measured.ops.map(({ op, route }) => `${op}: ${route}`);
    expect(routes).toContain('rearrange: kernel');
    expect(routes).toContain('lookUp: own kernel');
    for (const op of ['gather', 'div', 'sub']) expect(routes.filter((line) => line.startsWith(`${op}:`))).toEqual([]);
  });
});

describe.each(devices)('on %s', (_, device) => {
  const turned = [
    { rows: cut(allPlaces(3, 4).rows, -1, 4), columns: mirrored(cut(allPlaces(3, 4).columns, 1, 4)) },
    { rows: mirrored(allPlaces(3, 4).rows), columns: cut(allPlaces(3, 4).columns, -3, 4) },
  ].map(({ rows, columns }) => ({ rows: cut(rows, 0, 3), columns }));

  it('images take their rows and columns from other places', () => {
    const images = arange(24, { device }).reshape(2, 1, 3, 4);
    const made = [
      [[[9, 9, 9, 9], [9, 3, 2, 1], [9, 7, 6, 5]]],
      [[[9, 9, 9, 20], [9, 9, 9, 16], [9, 9, 9, 12]]],
    ]; // prettier-ignore
    expect(rearrange(images, turned, 9).toArraySync()).toEqual(made);
    // Of any dtype, with more dimensions in the middle, and through strides.
    expect(rearrange(images.to('uint8').unsqueeze(1), turned, 9).toArraySync()).toEqual(made.map((image) => [image]));
    const strided = images.transpose(2, 3).contiguous().transpose(2, 3);
    expect(rearrange(strided, turned, 9).toArraySync()).toEqual(made);
  });

  it('the gradient goes back to where an element came from, and so does the gradient’s', () => {
    const images = rand(2, 1, 3, 4, { device }).requiresGrad_();
    const weights = rand(2, 1, 3, 4, { device });
    rearrange(images, turned, 9).mul(weights).sum().backward();
    // The function is linear: its gradient is the weights of the elements that came through, and 0 elsewhere.
    const numbered = arange(1, 25, { device }).reshape(2, 1, 3, 4);
    const came = [...rearrange(numbered, turned, 0).dataSync()] as number[];
    const expected = new Float32Array(24);
    for (const [i, number] of came.entries()) if (number > 0) expected[number - 1] = weights.dataSync()[i] as number;
    expect(images.grad?.flatten().toArraySync()).toEqual([...expected]);
  });

  it('bytes become what a table has for them, by channel', () => {
    manualSeed(2);
    const bytes = randint(256, [2, 3, 5, 4], { dtype: 'uint8', device });
    const table = rand(3, 256, { device });
    const [found, all, values] = [lookUp(bytes, table), bytes.toArraySync(), table.toArraySync()] as [Tensor, number[][][][], number[][]];
    expect(found.toArraySync()).toEqual(
      all.map((image) => image.map((plane, c) => plane.map((row) => row.map((byte) => values[c][byte])))),
    );
    expect(lookUp(bytes.permute(0, 1, 3, 2), table).equal(found.permute(0, 1, 3, 2))).toBe(true);
    expect(lookUp(bytes.narrow(0, 0, 0), table).shape).toEqual([0, 3, 5, 4]);
  });

  it.each([1, 3])('a batch of pictures of %i channels has the numbers of single ones to the last digit', (channels) => {
    manualSeed(3);
    const pictures = transforms.asPicture(randint(256, [3, 6, 5, channels], { dtype: 'uint8', device }));
    const gray = transforms.asPicture(randint(256, [3, 6, 5], { dtype: 'uint8', device }));
    const three = [[0.49, 0.48, 0.45], [0.25, 0.24, 0.26]] as const; // prettier-ignore
    const normal = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize(...three)]);
    for (const batch of channels === 1 ? [pictures, gray] : [pictures]) {
      const together = normal.batch?.(batch);
      for (let i = 0; i < 3; i++) expect(together?.at(i).equal(normal.apply(transforms.asPicture(batch.at(i))))).toBe(true);
    }
    // Asked again for pictures of other channels.
    expect(normal.batch?.(gray).shape).toEqual([3, 3, 6, 5]);
  });

  it('batches come from scopes that end, one after the other', () => {
    const pictures = transforms.asPicture(randint(256, [3, 6, 5, 3], { dtype: 'uint8', device }));
    const normal = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5], [0.25])]);
    const [first, second] = [0, 1].map(() => scope(() => normal.batch?.(pictures)));
    expect(second?.equal(first as Tensor)).toBe(true);
  });

  it('Normalize and ToTensor say what they were given, alone and in batches', () => {
    const normal = new transforms.Compose([new transforms.ToTensor(), new transforms.Normalize([0.5, 0.5], [1, 1])]);
    const pictures = transforms.asPicture(randint(256, [3, 6, 5, 3], { dtype: 'uint8', device }));
    for (const wrong of [() => normal.batch?.(pictures), () => normal.apply(transforms.asPicture(pictures.at(0)))])
      expect(wrong).toThrow(/Normalize: images of 2 channels, got 3 channels/);
    const floats = transforms.asPicture(pictures.to('float32'));
    expect(() => normal.batch?.(floats)).toThrow(/ToTensor: uint8 pixels, got float32/);
    const twice = new transforms.Compose([new transforms.ToTensor(), new transforms.ToTensor()]);
    for (const wrong of [() => twice.batch?.(pictures), () => twice.apply(transforms.asPicture(pictures.at(0)))])
      expect(wrong).toThrow(/ToTensor: uint8 pixels, got float32/);
  });
});
