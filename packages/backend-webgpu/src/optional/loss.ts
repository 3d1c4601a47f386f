import type { Operand, OptionalKernel } from '@flambeau/core';
import { elementwise } from '../kernels/elementwise.ts';
import { runRows, type Beside } from '../kernels/rows.ts';
import type { Region } from '../pool.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { arePlain } from './operands.ts';

interface LossAttrs {
  readonly reduction: 'mean' | 'sum';
}

/** A loss that is asked for and not yet recorded: where its gradient is asked for next, both are one dispatch. */
interface Waiting {
  /** It has x, y and the loss as operands, and the numbers below. */
  readonly program: Program;
  /** Their buffers. */
  readonly regions: readonly Region[];
  readonly x: Operand;
  readonly y: Operand;
  readonly attrs: LossAttrs;
  readonly at: readonly string[];
}

/** Elements that one row of threads adds up; above, the reduction of the composition, which cuts them into chunks, is faster. */
const most = 4096;

/** The mean squared error and its gradient, in one dispatch where they follow each other, in float32. */
export function lossKernels(machine: Machine): Record<string, OptionalKernel> {
  const { queue } = machine;
  let waiting: Waiting | undefined;
  const scale = ({ reduction }: LossAttrs, { count }: Operand): number => (reduction === 'mean' ? 1 / count : 1);

  /** Records the loss that waits, and what runs beside it. */
  function record({ program, x, attrs, at: [at, other] }: Waiting, way: string, beside?: Beside): void {
    const factor = program.float(scale(attrs, x));
    runRows(program, machine, 1, x.count, 'f32', ({ each, share, once }) => `var total = 0.0;
  ${each(`let d = load0(k + ${at}) - load1(k + ${other}); total += d * d;`)}
  ${share('total', (a, b) => `${a} + ${b}`)}
  ${once(`store2(0, total * ${factor});`)}`, way, beside); // prettier-ignore
  }

  function emit(): void {
    const loss = waiting;
    waiting = undefined;
    if (loss !== undefined) record(loss, 'alone');
  }

  /** True where the loss that waits is that of x and y, and neither it nor what its gradient needs lies in the place of the other. */
  function awaits(loss: Waiting, [g, x, y]: readonly Operand[], out: Operand, attrs: LossAttrs): boolean {
    const [xRegion, yRegion, lossRegion] = loss.regions;
    return (
      machine.regionOf(x) === xRegion && x.offset === loss.x.offset && x.count === loss.x.count &&
      machine.regionOf(y) === yRegion && y.offset === loss.y.offset && attrs.reduction === loss.attrs.reduction &&
      machine.regionOf(g) !== lossRegion && machine.regionOf(out) !== lossRegion
    ); // prettier-ignore
  }

  return {
    mseLoss: {
      accepts: (inputs) => arePlain(inputs) && inputs[0].count <= most,
      run([x, y], [out], attrs) {
        queue.faults.check();
        emit();
        const program = new Program(machine, 'mseLoss');
        [x, y, out].forEach((operand, k) => program.operand(operand, k === 2));
        waiting = {
          program,
          regions: [x, y, out].map((operand) => machine.regionOf(operand)),
          x,
          y,
          attrs: attrs as LossAttrs,
          at: [program.word(x.offset), program.word(y.offset)],
        };
        queue.defer(emit);
      },
    },
    mseLossGrad: {
      accepts: ([g, x, y]) => g.dtype === 'float32' && g.count === 1 && arePlain([x, y]),
      run(inputs, [out], attrs) {
        const [g, x, y] = inputs;
        const loss = waiting;
        if (loss !== undefined && awaits(loss, inputs, out, attrs as LossAttrs)) {
          waiting = undefined;
          const { program, at } = loss;
          const [slope, result] = [program.operand(g), program.operand(out, true)];
          const [gAt, outAt, twice] = [program.word(g.offset), program.word(out.offset), program.float(2 * scale(loss.attrs, x))];
          record(loss, 'with its gradient', {
            count: out.count,
            code: (i) => `let j = ${i}; store${result}(j + ${outAt}, (load0(j + ${at[0]}) - load1(j + ${at[1]})) * load${slope}(${gAt}) * ${twice});`, // prettier-ignore
          });
          return;
        }
        const everywhere = { storage: g.storage, dtype: g.dtype, count: out.count, offset: g.offset, shape: out.shape, strides: out.shape.map(() => 0) }; // prettier-ignore
        elementwise(machine, 'mseLossGrad', out, [x, y, everywhere], (program, value) => {
          const factor = program.float(2 * scale(attrs as LossAttrs, x));
          return () => `STORE(PLACE, (${value(0)} - ${value(1)}) * ${value(2)} * ${factor});`;
        });
      },
    },
  };
}
