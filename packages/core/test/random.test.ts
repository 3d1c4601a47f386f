import {
  getRngState,
  manualSeed,
  normal,
  rand,
  randint,
  randn,
  randperm,
  setDefaultDevice,
  setRngState,
  tensor,
  Generator,
} from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fixtures } from './fixtures.ts';

setDefaultDevice(reference);
const bytes = (): Uint8Array => getRngState().dataSync() as Uint8Array;

describe('the state of the generator', () => {
  it.each(fixtures.states)(
    'after manualSeed($seed), $rand uniforms and $normals normals is PyTorch’s, byte for byte',
    ({ seed, rand: draws, normals, length, sha256, next }) => {
      manualSeed(seed);
      if (draws > 0) rand(draws);
      if (normals > 0) randn(normals);
      const state = getRngState();
      expect([state.dtype, state.shape]).toEqual(['uint8', [length]]);
      expect(createHash('sha256').update(bytes()).digest('hex')).toBe(sha256);
      const after = Array.from((normals > 0 ? randn(3) : rand(3)).dataSync(), Number);
      after.forEach((v, k) => expect(v).toBeCloseTo(next[k], 6));
      setRngState(state);
      expect(Array.from((normals > 0 ? randn(3) : rand(3)).dataSync(), Number)).toEqual(after);
    },
  );

  it('is a generator’s own', () => {
    const [a, c] = [new Generator(), new Generator()];
    a.manualSeed(7);
    c.manualSeed(7);
    manualSeed(1);
    const first = rand(2, { generator: a }).toArraySync();
    rand(10);
    expect(rand(2, { generator: c }).toArraySync()).toEqual(first);
  });

  it('of the wrong size or dtype is refused', () => {
    expect(() => setRngState(tensor(new Uint8Array(10)))).toThrow(
      expect.objectContaining({ name: expect.stringMatching(/Error$/) as string, code: expect.any(String) as string }),
    );
    expect(() => setRngState(tensor([1, 2, 3]))).toThrow(expect.objectContaining({ code: expect.any(String) as string }));
  });
});

describe('a generator that is none', () => {
  it.each([
    ['rand', () => rand(2, { generator: {} as Generator })],
    ['randn', () => randn(2, { generator: {} as Generator })],
    ['randint', () => randint(0, 9, [2], { generator: {} as Generator })],
    ['randperm', () => randperm(3, { generator: {} as Generator })],
    ['normal', () => normal(0, 1, [2], { generator: {} as Generator })],
    ['bernoulli', () => rand(2).bernoulli({ generator: {} as Generator })],
    ['multinomial', () => rand(2).multinomial(1, { generator: {} as Generator })],
    ['cauchy_', () => rand(2).cauchy_({ generator: {} as Generator })],
    ['uniform_', () => rand(2).uniform_(0, 1, { generator: {} as Generator })],
  ])('is refused by %s', (_, run) => {
    expect(run).toThrow(expect.objectContaining({ code: 'ARGUMENT', expected: 'a Generator' }) as Error);
  });
});
