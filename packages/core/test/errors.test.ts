import { DeviceError, FlambeauError, ones, setDefaultDevice, ShapeError, tensor, zeros, type Device, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);
const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe('errors', () => {
  it('say op, expectation, what came, and what to do', () => {
    expect(() => ones(32, 128).matmul(ones(64, 10))).toThrow(
      'matmul: inner dimensions must agree, got [32, 128] @ [64, 10] (128 is not 64). Transpose the second operand, or check the layer before it.',
    );
  });

  it('are values with fields', () => {
    const error = new ShapeError({ op: 'view', expected: 'this', received: 'that', hint: 'Do so.', cause: 1 });
    expect(error).toBeInstanceOf(FlambeauError);
    expect({ ...error, message: error.message }).toMatchObject({
      name: 'ShapeError',
      code: 'SHAPE',
      op: 'view',
      expected: 'this',
      received: 'that',
      hint: 'Do so.',
      message: 'view: this, got that. Do so.',
    });
    expect(error.cause).toBe(1);
  });

  const x = (): Tensor => ones(2, 3);
  const wrong: [string, string, () => unknown][] = [
    ['shapes that do not broadcast', 'SHAPE', () => x().add(ones(2))],
    ['a reshape that loses elements', 'SHAPE', () => x().reshape(4)],
    ['a reshape with two holes', 'SHAPE', () => x().reshape(-1, -1)],
    ['a view that only a copy could give', 'SHAPE', () => x().t().view(6)],
    ['a dim out of range', 'INDEX', () => x().sum(2)],
    ['a dim that is no integer', 'ARGUMENT', () => x().sum(0.5)],
    ['the same dim twice', 'ARGUMENT', () => x().sum([0, 0])],
    ['a dtype that is none', 'DTYPE', () => zeros(2, { dtype: 'float' as 'float32' })],
    ['the mean of integers', 'DTYPE', () => tensor([1], { dtype: 'int32' }).mean()],
    ['the maximum of nothing', 'SHAPE', () => zeros(0).max()],
    ['an index outside', 'INDEX', () => x().select(0, 2)],
    ['rows of different lengths', 'SHAPE', () => tensor([[1, 2], [3]])],
    ['a string for a number', 'ARGUMENT', () => tensor(['a'] as unknown as number[])],
    ['integer division by zero', 'VALUE', () => tensor([1], { dtype: 'int32' }).floorDivide(0)],
    ['item of many', 'SHAPE', () => x().itemSync()],
    ['an integer tensor that would become float in place', 'DTYPE', () => tensor([1], { dtype: 'int32' }).add_(0.5)],
    ['a matrix product of vectors by name', 'SHAPE', () => ones(3).mm(ones(3))],
    ['a released tensor', 'RELEASED', () => { const y = x(); y.dispose(); return y.add(1); }],
    ['a negative size', 'SHAPE', () => zeros(-1)],
    ['two different devices', 'DEVICE', () => x().add(ones(2, 3, { device: Object.create(reference, { name: { value: 'other' } }) as Device }))],
  ]; // prettier-ignore
  it.each(wrong)('%s: %s', (_, expected, run) => {
    expect(run).toThrow(code(expected));
  });

  it('a default device has to be a device', () => {
    expect(() => setDefaultDevice({} as Device)).toThrow(DeviceError);
  });
});
