import * as f from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { describe, expect, it } from 'vitest';

f.setDefaultDevice(reference);

const [half, most] = [2 ** 31, 2 ** 32 - 1];
const x = (): f.Tensor => f.tensor(Uint32Array.of(1, half, most));
const y = (): f.Tensor => f.tensor(Uint32Array.of(3, half + 5, 7));

describe('uint32', () => {
  it('comes from a typed array and from numbers, and wraps around what it cannot hold', () => {
    expect([x().dtype, f.fromArray(Uint32Array.of(most)).toArraySync()]).toEqual(['uint32', [most]]); // prettier-ignore
    expect(f.tensor([-1.5, 3e9, 2 ** 32 + 1], { dtype: 'uint32' }).toArraySync()).toEqual([most, 3e9, 1]);
    expect(x().dataSync()).toEqual(Uint32Array.of(1, half, most));
    expect([x().isSigned(), x().elementSize(), f.limits('uint32')]).toEqual([false, 4, { min: 0, max: most }]); // prettier-ignore
    expect(x().toString()).toBe("tensor([         1, 2147483648, 4294967295], device='reference', dtype=uint32)");
  });

  it('converts to floats and other integers and back', () => {
    expect(x().to('float32').toArraySync()).toEqual([1, half, 2 ** 32]);
    expect(x().to('int64').to('uint32').toArraySync()).toEqual([1, half, most]);
    expect(x().to('int32').toArraySync()).toEqual([1, -half, -1]);
    expect(f.tensor(Int32Array.of(-1)).to('uint32').toArraySync()).toEqual([most]);
  });

  // torch.mul, torch.div, torch.cumsum and torch.sort of the same tensors, and what arithmetic modulo 2^32 gives where PyTorch has no uint32
  it('computes above 2^31', () => {
    expect(x().mul(y()).toArraySync()).toEqual([3, half, most - 6]);
    expect(x().add(y()).toArraySync()).toEqual([4, 5, 6]);
    expect(x().sub(1).neg().toArraySync()).toEqual([0, half + 1, 2]);
    expect(x().div(y()).dtype).toBe('float32');
    expect(x().floorDivide(y()).toArraySync()).toEqual([0, 0, 613566756]);
    expect(x().remainder(y()).toArraySync()).toEqual([1, half, 3]);
    expect(
      x()
        .bitwiseRightShift(f.tensor(Uint32Array.of(1)))
        .toArraySync(),
    ).toEqual([0, 2 ** 30, half - 1]);
    expect(x().bitwiseNot().toArraySync()).toEqual([most - 1, half - 1, 0]);
    expect(x().lt(y()).toArraySync()).toEqual([true, true, false]);
    expect([x().max().itemSync(), x().argmax().itemSync(), x().sort({ descending: true })[0].toArraySync()]).toEqual([most, 2, [most, half, 1]]); // prettier-ignore
    expect([x().sum().dtype, x().sum().itemSync(), x().sum({ dtype: 'int64' }).itemSync()]).toEqual(['uint32', half, 3 * half]);
    expect(x().cumsum(0).toArraySync()).toEqual([1, half + 1, half]);
    expect(x().clamp(2, 9).toArraySync()).toEqual([2, 9, 9]);
    expect(x().sqrt().dtype).toBe('float32');
  });

  it('meets numbers, of which only its own may divide it', () => {
    expect([x().lt(-1).toArraySync(), x().ne(2 ** 40).toArraySync()]).toEqual([[false, false, false], [true, true, true]]); // prettier-ignore
    expect(x().add(-1).toArraySync()).toEqual([0, half - 1, most - 1]);
    expect(x().add(0.5).dtype).toBe('float32');
    for (const refused of [() => x().floorDivide(-3), () => x().remainder(2 ** 32), () => x().bitwiseRightShift(-1)])
      expect(refused).toThrow(expect.objectContaining({ code: 'VALUE', message: expect.stringContaining("x.to('int64')") as string }));
  });

  it('is promoted with floats and bools alone', () => {
    expect([x().add(f.ones(3)).dtype, x().mul(f.tensor([true, false, true])).dtype]).toEqual(['float32', 'uint32']);
    for (const other of ['uint8', 'int8', 'int16', 'int32', 'int64'] as const) {
      expect(() => x().add(f.ones(3, { dtype: other }))).toThrow(f.DTypeError);
      expect(x().add(f.ones([], { dtype: other })).dtype).toBe('uint32');
    }
  });
});
