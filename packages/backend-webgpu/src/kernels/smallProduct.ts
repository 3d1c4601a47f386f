import { Program } from '../shader.ts';
import { typeOf } from '../wgsl.ts';
import { type Machine } from '../machine.ts';
import { sumClass, sumOf } from './dot.ts';
import { activate, type Product } from './product.ts';

/** Multiplications up to which a thread for each element is faster than one for several: registers and tiles have nothing to gain yet. */
const most = 2 ** 13;

/** The strides of three operands without a batch. */
const none: readonly (readonly number[])[] = [[], [], []];

/** True for products that one thread for each element computes best. */
export const isSmall = ({ a, out }: Product): boolean => out.count * a.shape[a.shape.length - 1] <= most;

/** A product with a thread for each element of the result, which walks along k. */
export function smallProduct(machine: Machine, { a, b, out, bias, activation }: Product): void {
  const rank = out.shape.length;
  const [rows, columns] = [rank - 2, rank - 1];
  const inner = a.shape[columns];
  const batched = out.count > out.shape[rows] * out.shape[columns];
  const batch = batched ? out.shape.slice(0, -2) : [];
  const program = new Program(machine, 'matmul');
  program.operand(a);
  program.operand(b);
  program.operand(out, true);
  if (bias !== undefined) program.operand(bias);
  program.layout('batch', batch, batched ? [a, b, out].map((x) => x.strides.slice(0, -2)) : none, [a.offset, b.offset, out.offset]);
  const [M, N, K] = [program.word(out.shape[rows]), program.word(out.shape[columns]), program.word(inner)];
  const [ar, ac] = [program.word(a.strides[rows]), program.word(a.strides[columns])];
  const [br, bc] = [program.word(b.strides[rows]), program.word(b.strides[columns])];
  const [or, oc] = [program.word(out.strides[rows]), program.word(out.strides[columns])];
  const [biasAt, biasStep] = bias === undefined ? ['', ''] : [program.word(bias.offset), program.word(bias.strides[0])];
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
  ${activate(bias === undefined ? 'sum' : `sum + load3(${biasAt} + column * ${biasStep})`, activation, (v) => `store2(batch2(which) + row * ${or} + column * ${oc}, ${v});`)}`;
  program.run(out.count, text, `small ${sumClass(inner)} ${batched} ${activation} ${bias !== undefined}`);
}
