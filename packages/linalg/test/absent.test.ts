import { eye, NotSupportedError, setDefaultDevice, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { expect, test } from 'vitest';

test('without the package, its methods name it', () => {
  setDefaultDevice(reference);
  const x = eye(2) as Tensor & { det(): Tensor };
  expect(() => x.det()).toThrow(NotSupportedError);
  expect(() => x.det()).toThrow(/npm install @flambeau\/linalg/);
});
