import { expect, it } from 'vitest';
import * as f from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { reference } from '@flambeau/backend-reference';
import { expectStream } from './fixtures/streams.ts';

const { init } = nn;

it('initializers draw what PyTorch draws', () => {
  expectStream('initializers', () => [
    init.orthogonal_(f.empty(4, 3)),
    init.orthogonal_(f.empty(2, 2, 3), { gain: 2 }),
    init.truncNormal_(f.empty(20), 1, 0.5, 0.9, 3),
    init.truncNormal_(f.empty(7), { a: 1.5, b: 3 }),
    init.sparse_(f.empty(4, 3), 0.4),
    init.dirac_(f.empty(4, 2, 3), 2),
    init.eye_(f.empty(2, 3)),
    init.kaimingNormal_(f.empty(3, 4), { mode: 'fanOut', nonlinearity: 'relu' }),
    init.xavierUniform_(f.empty(3, 4), { gain: 2 }),
  ]);
});

it('orthogonal rows or columns are orthonormal, also of a matrix with a row of zeros to reflect', () => {
  f.setDefaultDevice(reference);
  const q = init.orthogonal_(f.empty([3, 7], { dtype: 'float64' }));
  expect(q.matmul(q.t()).allclose(f.eye(3, { dtype: 'float64' }), { atol: 1e-12 })).toBe(true);
  const column = init.orthogonal_(f.empty([1, 1], { dtype: 'float64' }));
  expect(Math.abs(column.itemSync())).toBe(1);
});

it('initializers return the tensor that they fill, without a history, and refuse what does not fit', () => {
  f.setDefaultDevice(reference);
  const p = new nn.Parameter(f.empty(2, 2));
  expect(init.constant_(p, 3)).toBe(p);
  expect(p.isLeaf && p.requiresGrad).toBe(true);
  expect(() => init.xavierUniform_(f.empty(3))).toThrow(f.ShapeError);
  expect(() => init.eye_(f.empty(3))).toThrow(f.ShapeError);
  expect(() => init.dirac_(f.empty(3, 2))).toThrow(f.ShapeError);
  expect(() => init.dirac_(f.empty(3, 2, 1), 2)).toThrow('groups that divides 3');
  expect(() => init.truncNormal_(f.empty(3), 0, 1, 2, 1)).toThrow(f.ArgumentError);
  expect(() => init.sparse_(f.empty(3, 3), 2)).toThrow(f.ArgumentError);
  expect(() => init.kaimingUniform_(f.empty(3, 3), { nonlinearity: 'sin' as 'relu' })).toThrow(f.ArgumentError);
});
