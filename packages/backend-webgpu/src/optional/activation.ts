import type { Operand, OptionalKernel } from '@flambeau/core';
import { elementwise } from '../kernels/elementwise.ts';
import type { Machine } from '../machine.ts';

const float32 = (inputs: readonly Operand[]): boolean => inputs.every(({ dtype }) => dtype === 'float32');
const inner = 'let u = 0.7978845608 * x * (1.0 + 0.044715 * x * x); let t = tanh_(u);';

/** Activations and their gradients in one dispatch, in float32. @see the ops of the same names for the formulas */
export function activationKernels(machine: Machine): Record<string, OptionalKernel> {
  const pointwise = (name: string, code: (attrs: unknown) => string): OptionalKernel => ({
    accepts: float32,
    run: (inputs, [out], attrs) =>
      elementwise(
        machine,
        name,
        out,
        inputs,
        (_, value) => () => {
          const names = inputs.length === 1 ? ['x'] : ['g', 'x'];
          return `${names.map((n, k) => `let ${n} = ${value(k)};`).join(' ')} ${code(attrs)}`;
        },
        (attrs as { readonly approximate?: string } | undefined)?.approximate,
      ),
  });
  const tanh = (attrs: unknown): boolean => (attrs as { readonly approximate: string }).approximate === 'tanh';
  return {
    reluGrad: pointwise('reluGrad', () => 'STORE(PLACE, select(0.0, g, x > 0.0));'),
    silu: pointwise('silu', () => 'STORE(PLACE, x / (1.0 + exp(-x)));'),
    gelu: pointwise('gelu', (attrs) =>
      tanh(attrs) ? `${inner} STORE(PLACE, 0.5 * x * (1.0 + t));` : 'STORE(PLACE, 0.5 * x * (1.0 + erf_(x * 0.70710678)));',
    ),
    geluGrad: pointwise('geluGrad', (attrs) =>
      tanh(attrs)
        ? `${inner} STORE(PLACE, g * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.7978845608 * (1.0 + 0.134145 * x * x)));`
        : 'STORE(PLACE, g * (0.5 * (1.0 + erf_(x * 0.70710678)) + x * 0.39894228 * exp(-0.5 * x * x)));',
    ),
  };
}
