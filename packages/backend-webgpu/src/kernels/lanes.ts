import { isFloat, numel, type DType, type Operand, type ReduceName } from '@flambeau/core';
import { convert, typeOf } from '../wgsl.ts';
import { type Program } from '../shader.ts';

/** How a running value takes the next one, for a dtype. */
export function combine(name: ReduceName, dtype: DType, a: string, b: string): string {
  const suffix = isFloat(dtype) ? 'F' : '';
  switch (name) {
    case 'sum':
      return `${a} + ${b}`;
    case 'prod':
      return `${a} * ${b}`;
    case 'max':
    case 'min':
      return `${name}${suffix}(${a}, ${b})`;
    case 'any':
      return `${a} | ${convert(b, dtype, 'bool')}`;
    case 'all':
      return `${a} & ${convert(b, dtype, 'bool')}`;
    default:
      return name satisfies never;
  }
}

/** What a running value starts with. */
export function identity(name: ReduceName, dtype: DType): string {
  if (name === 'any') return '0';
  if (name === 'all') return '1';
  if (name === 'max') return { f32: '-inf()', i32: '(-2147483647 - 1)', u32: '0u' }[typeOf(dtype)];
  if (name === 'min') return { f32: 'inf()', i32: '2147483647', u32: '4294967295u' }[typeOf(dtype)];
  return `${name === 'sum' ? '0' : '1'}${{ f32: '.0', i32: '', u32: 'u' }[typeOf(dtype)]}`;
}

/** A list without the entries of some dimensions. */
export const without = <T>(list: readonly T[], dims: readonly number[]): T[] => list.filter((_, i) => !dims.includes(i));
/** The entries of some dimensions alone. */
export const only = <T>(list: readonly T[], dims: readonly number[]): T[] => list.filter((_, i) => dims.includes(i));

/** The space of the lanes along `dim`, and the step of each operand along it. */
export function lanesOf(program: Program, operands: readonly Operand[], dim: number): { count: number; steps: string[] } {
  const shape = without(operands[0].shape, [dim]);
  program.layout(
    'lane',
    shape,
    operands.map((x) => without(x.strides, [dim])),
    operands.map((x) => x.offset),
  );
  return { count: numel(shape), steps: operands.map((x) => program.word(x.strides[dim] ?? 0)) };
}
