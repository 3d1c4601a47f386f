import { dispatch, tensor, type Device, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectKernelEqualsComposition as check, noise, opNamed, plain, viewed, type Sample } from './samples.ts';

const F = nn.functional;
/** batch dimensions; queries, keys, width, width of values */
const sizes: [number[], number, number, number, number][] = [
  [[], 1, 1, 1, 1],
  [[3], 5, 7, 4, 6],
  [[2, 2], 17, 33, 16, 16],
  [[2], 130, 40, 8, 3],
  [[1, 2], 70, 129, 64, 64],
];

describe.each(devices)('attention on $name', ({ device }) => {
  /** The op and its gradient on their kernels, against the reference. */
  const agree = (inputs: readonly Sample[], attrs: { isCausal: boolean; scale: number }, valueShape: readonly number[]): void => {
    check(device, 'scaledDotProductAttention', inputs, attrs, [], 1e-5);
    const trace = (i: number): Sample => ({ make: (on: Device) => dispatch(opNamed('scaledDotProductAttention'), inputs.map((s) => s.make(on)), attrs)[i] }); // prettier-ignore
    check(device, 'attentionGrad', [plain(valueShape, 9), trace(0), trace(1), ...inputs], { ...attrs, withMask: false }, [], 2e-5);
  };

  it.each(sizes)('of batch %j, %i queries, %i keys, widths %i and %i, with its gradients', (batch, queries, keys, width, valueWidth) => {
    const shapes = [[...batch, queries, width], [...batch, keys, width], [...batch, keys, valueWidth]]; // prettier-ignore
    const [q, k, v] = shapes.map((shape, i) => plain(shape, i + 1));
    const out = [...batch, queries, valueWidth];
    agree([q, k, v], { isCausal: false, scale: 0.3 }, out);
    agree([q, k, v], { isCausal: true, scale: -2 }, out);
    // Heads as multi-head attention has them: rows of one head lie as far apart as those of all.
    if (batch.length > 0) {
      const heads = shapes.map(([first, ...rest], i) =>
        viewed(plain([...rest.slice(0, -1), first, rest[rest.length - 1]], i + 1), (x) => x.movedim(-2, 0)),
      );
      agree(heads, { isCausal: false, scale: 1 }, out);
    }
  });

  it('with masks: bytes and floats, of every query, of one row for all, and one that hides all keys of a query', () => {
    const [q, k, v] = [plain([2, 3, 9, 4], 1), plain([2, 3, 20, 4], 2), plain([2, 3, 20, 5], 3)];
    const full = [2, 3, 9, 20];
    const bytes = (shape: number[], expanded: (x: Tensor) => Tensor, hide = false): Sample => ({
      make: (on) => {
        const values = noise(shape.reduce((n, m) => n * m, 1), 5).map((x, i) => (hide && i < 20 ? 0 : Number(x > -0.3))); // prettier-ignore
        return expanded(tensor(values, { device: on }).reshape(shape).to('bool'));
      },
    });
    const masks = [
      bytes(full, (x) => x),
      bytes(full, (x) => x, true),
      bytes([2, 1, 1, 20], (x) => x.expand(2, 3, 9, 20)),
      viewed(plain([9, 20], 6), (x) => x.expand(2, 3, 9, 20)),
      viewed(plain([9, 1], 6), (x) => x.expand(2, 3, 9, 20)),
      viewed(bytes(full, (x) => x, true), (x) => x.newZeros(full).to('float32').maskedFill(x.logicalNot(), -Infinity)), // prettier-ignore
    ];
    for (const mask of masks) agree([q, k, v, mask], { isCausal: false, scale: 0.5 }, [2, 3, 9, 5]);
  });

  it('gives zeros for a query that sees no key, and no gradient from it', () => {
    const make = (shape: number[], seed: number): Tensor => plain(shape, seed).make(device).requiresGrad_();
    const [q, k, v] = [make([2, 3], 1), make([4, 3], 2), make([4, 3], 3)];
    const attnMask = tensor([[true, true, false, true], [false, false, false, false]], { device }); // prettier-ignore
    const out = F.scaledDotProductAttention(q, k, v, { attnMask });
    expect(out.toArraySync()).toEqual([expect.any(Array), [0, 0, 0]]);
    out.sum().backward();
    expect(q.grad?.toArraySync()).toEqual([expect.any(Array), [0, 0, 0]]);
  });

  it('is NaN where a score is', () => {
    const q = tensor([[Number.NaN, 0], [1, 0]], { device }); // prettier-ignore
    const k = tensor([[1, 0], [0, 1]], { device }); // prettier-ignore
    const out = F.scaledDotProductAttention(q, k, k).toArraySync() as number[][];
    expect(out[0]).toEqual([Number.NaN, Number.NaN]);
    expect(out[1].every(Number.isFinite)).toBe(true);
  });
});

describe('scaledDotProductAttention', () => {
  it('refuses a mask that is larger than the scores', () => {
    const x = plain([3, 4]).make(devices[0].device);
    const attnMask = plain([2, 3]).make(devices[0].device);
    expect(() => F.scaledDotProductAttention(x, x, x, { attnMask })).toThrow(/scaledDotProductAttention/);
  });
});
