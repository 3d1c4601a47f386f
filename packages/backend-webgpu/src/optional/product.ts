import type { OptionalKernel } from '@flambeau/core';
import { matrixProduct } from '../kernels/product.ts';
import type { Machine } from '../shader.ts';
import { isRowMajor, reshaped, transposed } from './operands.ts';

/** A linear map with its bias in one dispatch. */
export function productKernels(machine: Machine): Record<string, OptionalKernel> {
  return {
    linear: {
      accepts: ([x, weight]) => x.dtype === 'float32' && weight.dtype === 'float32' && (x.shape.length === 2 || isRowMajor(x)),
      run([x, weight, bias], [out]) {
        const [n, k] = weight.shape;
        const rows = n === 0 ? 0 : out.count / n;
        const flat = x.shape.length === 2 ? x : reshaped(x, [rows, k]);
        matrixProduct(machine, { a: flat, b: transposed(weight, 0, 1), out: reshaped(out, [rows, n]), bias });
      },
    },
  };
}
