import { arange, setDefaultDevice, tensor, type Index, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { describe, expect, it } from 'vitest';
import { fixtures } from './fixtures.ts';

setDefaultDevice(reference);
const x = arange(24).reshape(2, 3, 4);
const i = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'int32' });
const b = tensor([true, false, true]);

/** The indices that fixtures/make.py writes in Python. */
const indices: Record<string, Index[]> = {
  '[0]': [0],
  '[-1, 1]': [-1, 1],
  "[':', 1]": [':', 1],
  "['1:']": ['1:'],
  "[':', '::2']": [':', '::2'],
  "['...', -1]": ['...', -1],
  "[0, '...', '1:3']": [0, '...', '1:3'],
  '[null]': [null],
  "[':', null, 0]": [':', null, 0],
  "['-2:', '-1:']": ['-2:', '-1:'],
  "['5:']": ['5:'],
  '[0, 1, 2]': [0, 1, 2],
  '[i([1, 0])]': [i([1, 0])],
  "[':', i([2, 0, 2])]": [':', i([2, 0, 2])],
  '[i([0, 1]), i([2, 1])]': [i([0, 1]), i([2, 1])],
  "[i([0, 1]), ':', i([2, 1])]": [i([0, 1]), ':', i([2, 1])],
  "[0, ':', i([2, 1])]": [0, ':', i([2, 1])],
  '[i([[0, 1], [1, 0]]), 0]': [i([[0, 1], [1, 0]]), 0], // prettier-ignore
  "[i([-1]), '1:']": [i([-1]), '1:'],
  '[m]': [x.gt(20)],
  '[rows]': [tensor([true, false])],
  "[':', b]": [':', b],
  '[0, b, 1]': [0, b, 1],
  "[':', 1, '::2']": [':', 1, '::2'],
  '[i([1, 0]), 2]': [i([1, 0]), 2],
  '[1, b]': [1, b],
};

describe('at reads as PyTorch’s x[...]', () => {
  it.each(fixtures.at)('$index', ({ index, shape, values }) => {
    const result = x.at(...indices[index]);
    expect(result.shape).toEqual(shape);
    expect(Array.from(result.dataSync(), Number)).toEqual(values);
  });

  it('basic indices give views, tensors give copies', () => {
    expect(x.at(0).storage).toBe(x.storage);
    expect(x.at(i([0])).storage).not.toBe(x.storage);
  });

  it('refuses what is out of range, too many indices, and broken slices', () => {
    expect(() => x.at(2)).toThrow(expect.objectContaining({ code: 'INDEX' }));
    expect(() => x.at(0, 0, 0, 0)).toThrow(expect.objectContaining({ code: 'INDEX' }));
    expect(() => x.at(i([5]))).toThrow(expect.objectContaining({ code: 'INDEX' }));
    expect(() => x.at('a:b')).toThrow(expect.objectContaining({ code: 'ARGUMENT' }));
    expect(() => x.at('::0')).toThrow(expect.objectContaining({ code: 'ARGUMENT' }));
    expect(() => x.at(tensor([true, true, true]))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/INDEX|SHAPE/) as string }),
    );
  });
});

describe('setAt writes as PyTorch’s x[...] = value', () => {
  it.each(fixtures.setAt)('$index', ({ index, value, values }) => {
    const y = x.clone();
    y.setAt(indices[index], typeof value === 'number' ? value : tensor(value));
    expect(Array.from(y.dataSync(), Number)).toEqual(values);
  });

  it('adds up what is written twice with accumulate', () => {
    const y = arange(3).mul(0);
    y.setAt([i([1, 1, 2])], tensor([1, 2, 4]), { accumulate: true });
    expect(y.toArraySync()).toEqual([0, 3, 4]);
  });

  it('refuses a value that does not fit', () => {
    expect(() => x.clone().setAt([0], tensor([1, 2, 3]))).toThrow(expect.objectContaining({ code: 'SHAPE' }));
  });
});
