import { readOptions, checkFunction, checkTensors, checkArray, Tensor, tensor } from '@flambeau/core';
import { grad } from './backward.ts';
import { AutogradError } from './error.ts';
import { noGrad } from './mode.ts';

/** Tolerances of `gradcheck`. */
export interface GradcheckOptions {
  /** The step of the difference quotient. */
  eps?: number;
  /** The absolute difference that still passes; 1e-5 by default. */
  atol?: number;
  /** The difference that still passes, relative to the numeric derivative; 1e-3 by default. */
  rtol?: number;
}

/**
 * Compares the derivatives of `f` with central differences, in every element of every input that requires a gradient.
 * Use float64 inputs: float32 is too coarse for differences.
 * @returns true @throws AutogradError that names the element where they differ
 */
export function gradcheck(
  f: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): boolean {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3 } = readOptions<GradcheckOptions>('gradcheck', options, ['eps', 'atol', 'rtol']);
  checkFunction('gradcheck', 'f', f);
  checkTensors('gradcheck', checkArray('gradcheck', 'inputs', inputs));
  const leaves = inputs.map((x) => (x.requiresGrad ? x.detach().clone().requiresGrad_() : x));
  const outputs = ([f(...leaves)].flat() as Tensor[]).filter((y) => y.requiresGrad);
  outputs.forEach((output, o) => {
    // A fixed, uneven weight turns each output into a scalar without letting errors cancel.
    const weight = tensor(
      Array.from({ length: output.count }, (_, i) => 0.3 + ((i * 7) % 11) / 11),
      { dtype: output.dtype, device: output.device },
    ).reshape(output.shape);
    const tracked = leaves.filter((x) => x.requiresGrad);
    const analytic = grad(output, tracked, { gradOutputs: weight, retainGraph: true, allowUnused: true });
    tracked.forEach((leaf, k) => {
      const found = analytic[k]?.dataSync() ?? new Float64Array(leaf.count);
      const values = leaf.dataSync() as Float64Array;
      const evaluate = (i: number, delta: number): number =>
        noGrad(() => {
          const moved = values.slice();
          moved[i] += delta;
          const shifted = tensor(moved, { device: leaf.device }).reshape(leaf.shape);
          const results = ([f(...leaves.map((x) => (x === leaf ? shifted : x)))].flat() as Tensor[]).filter(
            (y, j) => outputs[j] !== undefined && y.count >= 0,
          );
          return results[o].mul(weight).sum().itemSync();
        });
      for (let i = 0; i < leaf.count; i++) {
        const numeric = (evaluate(i, eps) - evaluate(i, -eps)) / (2 * eps);
        if (!(Math.abs(Number(found[i]) - numeric) <= atol + rtol * Math.abs(numeric))) {
          throw new AutogradError({
            op: 'gradcheck',
            expected: `derivative ${numeric} in element ${i} of input ${leaves.indexOf(leaf)}, output ${o}`,
            received: String(found[i]),
          });
        }
      }
    });
  });
  return true;
}
