import { ones, setDefaultDevice, tensor, type Device } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import '@flambeau/autograd';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { fixtures } from './fixtures.ts';

// PyTorch does not print the device of a tensor on the CPU, so the reference takes its name here.
const device = Object.create(reference, { name: { value: 'cpu' } }) as Device;
setDefaultDevice(device);

describe('a tensor prints as PyTorch prints it', () => {
  it.each(fixtures.printing)('$title', ({ shape, dtype, data, text }) => {
    const numbers = data.map((v) => (v === 'nan' ? NaN : v === 'inf' ? Infinity : v === '-inf' ? -Infinity : Number(v)));
    const x = tensor(numbers, { dtype }).reshape(shape);
    expect(String(x)).toBe(text);
    expect(inspect(x)).toBe(text);
  });

  it('with the device where it is not the CPU', () => {
    expect(String(ones(2, { device: reference }))).toBe("tensor([1., 1.], device='reference')");
  });

  it('with what autograd knows of it', () => {
    const x = ones(2).requiresGrad_();
    expect(String(x)).toBe('tensor([1., 1.], requires_grad=True)');
    expect(String(x.mul(2))).toMatch(/^tensor\(\[2\., 2\.\], grad_fn=<MulBackward.*>\)$/);
  });

  it('with its values by print, also where they cannot be read at once', async () => {
    const lines: unknown[] = [];
    const { log } = console;
    console.log = (line: unknown) => void lines.push(line);
    try {
      await tensor([1.5, -2]).print();
      const slow = Object.create(device, { name: { value: 'slow' }, downloadSync: { value: undefined } }) as Device;
      const x = tensor([[1, 2]], { device: slow, dtype: 'int32' });
      expect(String(x)).toBe("tensor(..., shape=[1, 2], dtype=int32, device='slow')");
      await x.print();
    } finally {
      console.log = log;
    }
    expect(lines).toEqual(['tensor([ 1.5000, -2.0000])', "tensor([[1, 2]], device='slow')"]);
  });

  it('and says so when it was released', () => {
    const x = ones(2);
    x.dispose();
    expect(String(x)).toBe('tensor(released, shape=[2], dtype=float32)');
  });
});
