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

  it('and says so when it was released', () => {
    const x = ones(2);
    x.dispose();
    expect(String(x)).toBe('tensor(released, shape=[2], dtype=float32)');
  });
});
