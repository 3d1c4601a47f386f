import { numel } from '@flambeau/core';
import { Program, typeOf, type Machine } from '../shader.ts';
import { sumClass, sumOf } from './dot.ts';
import { activate, type Product } from './product.ts';

/** Multiplications up to which a thread for each element is faster than one for several: registers and tiles have nothing to gain yet. */
const most = 2 ** 13;

/** True for products that one thread for each element computes best. */
export const isSmall = ({ a, out }: Product): boolean => out.count * a.shape[a.shape.length - 1] <= most;

/** A product with a thread for each element of the result, which walks along k. */
export function smallProduct(machine: Machine, { a, b, out, bias, activation }: Product): void {
  const rank = out.shape.length;
  const [rows, columns] = [rank - 2, rank - 1];
  const inner = a.shape[columns];
  const batch = out.shape.slice(0, -2);
  const batched = numel(batch) > 1;
  const program = new Program(machine, 'matmul');
  [a, b, out].forEach((x, k) => program.operand(x, k === 2));
  if (bias !== undefined) program.operand(bias);
  program.layout('batch', batch, [a, b, out].map((x) => x.strides.slice(0, -2)), [a, b, out].map((x) => x.offset)); // prettier-ignore
  const [M, N, K] = [out.shape[rows], out.shape[columns], inner].map((n) => program.word(n));
  const [ar, ac, br, bc, or, oc] = [a, b, out].flatMap((x) => [program.word(x.strides[rows]), program.word(x.strides[columns])]);
  const added = bias === undefined ? '' : ` + load3(${program.word(bias.offset)} + column * ${program.word(bias.strides[0])})`;
  const text = (): string => `let line = i / ${N};
  let column = i - line * ${N};
  ${batched ? `let which = line / ${M}; let row = line - which * ${M};` : 'let which = 0; let row = line;'}
  ${sumOf(
    typeOf(out.dtype),
    inner,
    K,
    [
      { name: 'left', from: `batch0(which) + row * ${ar}`, step: ac },
      { name: 'right', from: `batch1(which) + column * ${bc}`, step: br },
    ],
    (left, right) => `load0(${left}) * load1(${right})`,
  )}
  ${activate(`sum${added}`, activation, (v) => `store2(batch2(which) + row * ${or} + column * ${oc}, ${v});`)}`;
  program.run(out.count, text, `small ${sumClass(inner)} ${batched} ${activation} ${bias !== undefined}`);
}
