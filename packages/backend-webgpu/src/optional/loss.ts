import type { Operand, OptionalKernel } from '@flambeau/core';
import { elementwise } from '../kernels/elementwise.ts';
import { runRows } from '../kernels/rows.ts';
import { Program, type Machine } from '../shader.ts';
import { arePlain } from './operands.ts';

interface LossAttrs {
  readonly reduction: 'mean' | 'sum';
}

/** Elements that one row of threads adds up; above, the reduction of the composition, which cuts them into chunks, is faster. */
const most = 4096;

/** The mean squared error and its gradient, in one dispatch each, in float32. */
export function lossKernels(machine: Machine): Record<string, OptionalKernel> {
  const scale = (attrs: unknown, { count }: Operand): number => ((attrs as LossAttrs).reduction === 'mean' ? 1 / count : 1);
  return {
    mseLoss: {
      accepts: (inputs) => arePlain(inputs) && inputs[0].count <= most,
      run([x, y], [out], attrs) {
        const program = new Program(machine, 'mseLoss');
        [x, y].forEach((operand) => program.operand(operand));
        program.operand(out, true);
        const [at, other, factor] = [program.word(x.offset), program.word(y.offset), program.float(scale(attrs, x))];
        runRows(program, machine, 1, x.count, 'f32', ({ each, share, once }) => `var total = 0.0;
  ${each(`let d = load0(k + ${at}) - load1(k + ${other}); total += d * d;`)}
  ${share('total', (a, b) => `${a} + ${b}`)}
  ${once(`store2(0, total * ${factor});`)}`, 'one'); // prettier-ignore
      },
    },
    mseLossGrad: {
      accepts: ([g, x, y]) => g.dtype === 'float32' && g.count === 1 && arePlain([x, y]),
      run([g, x, y], [out], attrs) {
        elementwise(machine, 'mseLossGrad', out, [x, y, { storage: g.storage, dtype: g.dtype, count: out.count, offset: g.offset, shape: out.shape, strides: out.shape.map(() => 0) }], (program, value) => {
          const factor = program.float(2 * scale(attrs, x));
          return `STORE(PLACE, (${value(0)} - ${value(1)}) * ${value(2)} * ${factor});`;
        }); // prettier-ignore
      },
    },
  };
}
