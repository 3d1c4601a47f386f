import { expect, it } from 'vitest';
import { explain, setDefaultDevice, tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';

setDefaultDevice(reference);

it('explain lists the kernel, the composition and its parts, and the view behind each op', () => {
  const x = tensor([[1, 2], [3, 4]]); // prettier-ignore
  const { explanation, result } = explain(() => x.t().softmax(0).to('float16').add(1));
  expect(result.shape).toEqual([2, 2]);
  const routes = Object.fromEntries(explanation.ops.map(({ op, route }) => [op, route]));
  expect(routes).toMatchObject({ permute: 'view', softmax: 'composition', exp: 'kernel', cast: 'kernel' });
  expect(explanation.ops.every(({ device }) => device === 'reference')).toBe(true);
  expect(String(explanation)).toMatch(/^op +device +ran as +calls\n/);
  // Nothing is observed any more.
  x.exp();
  expect(explanation.ops.find(({ op }) => op === 'exp')?.calls).toBe(1);
});
