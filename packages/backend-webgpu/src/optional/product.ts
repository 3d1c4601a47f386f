import type { OptionalKernel } from '@flambeau/core';
import { matrixProduct, type Activation } from '../kernels/product.ts';
import type { Machine } from '../machine.ts';
import { isRowMajor, reshaped, transposed } from './operands.ts';

/** A linear map with its bias in one dispatch, and with the activation after it. */
export function productKernels(machine: Machine): Record<string, OptionalKernel> {
  const linear: OptionalKernel = {
    // In float16 where shaders know it, with sums in float32.
    accepts: ([x, weight]) =>
      (x.dtype === 'float32' || (machine.float16 && x.dtype === 'float16')) &&
      weight.dtype === x.dtype &&
      (x.shape.length === 2 || isRowMajor(x)),
    run([x, weight, bias], [out], attrs) {
      const [n, k] = weight.shape;
      const rows = n === 0 ? 0 : out.count / n;
      const flat = x.shape.length === 2 ? x : reshaped(x, [rows, k]);
      const activation = (attrs as { readonly activation?: Activation } | undefined)?.activation;
      matrixProduct(machine, { a: flat, b: transposed(weight, 0, 1), out: reshaped(out, [rows, n]), bias, activation });
    },
  };
  return { linear, linearActivation: linear };
}
