import { dtypeNames, ones, promoteScalar, promoteTypes, resultType, setDefaultDevice, tensor, type DType } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { describe, expect, it } from 'vitest';
import { fixtures } from './fixtures.ts';

setDefaultDevice(reference);

/** The dtype that promotion gives, or that it refuses. */
function given(promote: () => DType): string {
  try {
    return promote();
  } catch (error) {
    expect(error).toMatchObject({ code: 'DTYPE', message: expect.stringContaining("x.to('int64')") as string });
    return 'refused';
  }
}

type Table = Record<string, Record<string, string>>;
/** A table of PyTorch's, which refuses uint32 with bools too: they are combined here, for masks are made of them. */
const withBools = (table: Table): Table => ({
  ...table,
  bool: { ...table['bool'], uint32: 'uint32' },
  uint32: { ...table['uint32'], bool: 'uint32' },
});

describe('promotion is PyTorch’s', () => {
  it.each(dtypeNames)('of %s with every dtype', (a) => {
    expect(Object.fromEntries(dtypeNames.map((b) => [b, given(() => promoteTypes(a, b))]))).toEqual(withBools(fixtures.promotion)[a]);
  });

  it.each(dtypeNames)('of a vector of %s with a scalar tensor of every dtype', (a) => {
    const found = dtypeNames.map((b) => [b, given(() => resultType(ones(1, { dtype: a }), ones([], { dtype: b })))]);
    expect(Object.fromEntries(found)).toEqual(withBools(fixtures.ranked)[a]);
  });

  it('a number is weak: integers keep their dtype for an integral one, and become float32 for any other', () => {
    const cases: [DType, number, DType][] = [
      ['float16', 2.5, 'float16'], ['float64', 2.5, 'float64'], ['int8', 3, 'int8'], ['int8', 2.5, 'float32'], ['int64', 1.5, 'float32'], ['bool', 2, 'int32'], ['uint32', 3, 'uint32'], ['uint32', 2.5, 'float32'], ['bool', 0.5, 'float32'],
    ]; // prettier-ignore
    for (const [dtype, value, expected] of cases) {
      expect(promoteScalar(dtype, value)).toBe(expected);
      expect(ones(2, { dtype }).mul(value).dtype).toBe(expected);
    }
  });

  it('what numbers, booleans and typed arrays become', () => {
    expect(tensor([1, 2]).dtype).toBe('float32');
    expect(tensor([true]).dtype).toBe('bool');
    expect(tensor([1n]).dtype).toBe('int64');
    expect(tensor(new Float64Array(1)).dtype).toBe('float64');
    expect(tensor(new Uint8Array(1)).dtype).toBe('uint8');
    expect(tensor(new Uint32Array(1)).dtype).toBe('uint32');
  });

  it('sums of bools and small integers are int32, of uint32, int64 and floats their own', () => {
    const sums = dtypeNames.map((dtype) => ones(3, { dtype }).sum().dtype);
    expect(sums).toEqual(['int32', 'int32', 'int32', 'int32', 'int32', 'uint32', 'int64', 'float16', 'bfloat16', 'float32', 'float64']);
  });

  it('16-bit floats compute in float32 and round once', () => {
    // 1 + 2⁻¹¹ is halfway between 1 and 1 + 2⁻¹⁰ in float16, and rounds to even.
    expect(
      tensor([1], { dtype: 'float16' })
        .add(2 ** -11)
        .itemSync(),
    ).toBe(1);
    expect(
      tensor([1], { dtype: 'float16' })
        .add(2 ** -10)
        .itemSync(),
    ).toBe(1 + 2 ** -10);
    expect(
      tensor([1], { dtype: 'bfloat16' })
        .add(2 ** -8)
        .itemSync(),
    ).toBe(1);
  });

  it('integers wrap, and casts of floats truncate', () => {
    expect(tensor([200, 100], { dtype: 'uint8' }).add(100).toArraySync()).toEqual([44, 200]);
    expect(tensor([1.9, -1.9]).to('int32').toArraySync()).toEqual([1, -1]);
  });

  it('int64 past 2^53 is data, and no number', async () => {
    const big = tensor([2n ** 60n + 1n]);
    expect(Array.from((await big.data()) as BigInt64Array)).toEqual([2n ** 60n + 1n]);
    expect(() => big.itemSync()).toThrow(expect.objectContaining({ code: 'VALUE' }));
  });
});
