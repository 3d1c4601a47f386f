import type { RequiredKernels } from '@flambeau/core';
import type { Machine } from '../machine.ts';
import { elementwiseKernels } from './elementwise.ts';
import { foldKernel } from './fold.ts';
import { indexingKernels } from './indexing.ts';
import { matrixProduct } from './product.ts';
import { randomKernel } from './random.ts';
import { reduce } from './reduction.ts';
import { scanKernels } from './scan.ts';
import { sortKernel } from './sort.ts';

/** The required kernels as WGSL: one generated program for each family, dtype and number of collapsed dimensions. */
export function requiredKernels(machine: Machine): RequiredKernels {
  return {
    ...elementwiseKernels(machine),
    ...scanKernels(machine),
    ...indexingKernels(machine),
    random: randomKernel(machine),
    reduce: (name, x, out, dims) => reduce(machine, name, x, out, dims),
    matmul: (a, b, out) => matrixProduct(machine, { a, b, out, bias: undefined }),
    sort: sortKernel(machine),
    fold: foldKernel(machine),
  };
}
