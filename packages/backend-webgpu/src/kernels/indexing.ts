import { numel, showShape, whoAsks, type Operand, type RequiredKernels } from '@flambeau/core';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import type { Complaint } from '../commands.ts';
import { widened } from './elementwise.ts';
import { combine, without } from './lanes.ts';

/** What is said of an index out of range. */
export function indexComplaint(op: string, table: Operand, dim: number): Complaint {
  const expected = `indices in [0, ${table.shape[dim] - 1}] for dimension ${dim} of ${showShape(table.shape)}`;
  return { kind: 'index', op, expected, ...whoAsks() };
}

/** The kernels that follow an index. */
export function indexingKernels(machine: Machine): Pick<RequiredKernels, 'gather' | 'scatter'> {
  return {
    gather(x, dim, index, out) {
      if (out.count === 0) return;
      const program = new Program(machine, 'gather');
      [x, index, out].forEach((operand, k) => program.operand(operand, k === 2));
      const strides = x.strides.map((s, i) => (i === dim ? 0 : s));
      program.layout('at', index.shape, [strides, index.strides, out.strides], [x.offset, index.offset, out.offset]);
      program.run(
        out.count,
        `let pick = load1(at1(i));
  if (pick < 0 || pick >= ${program.word(x.shape[dim])}) { complain(${program.complaint(indexComplaint('gather', x, dim))}, pick); return; }
  store2(at2(i), load0(at0(i) + pick * ${program.word(x.strides[dim])}));`,
      );
    },

    scatter(name, whole, dim, index, src) {
      if (index.count === 0) return;
      const scatter = (target: Operand): void => {
        const program = new Program(machine, 'scatter');
        [index, src, target].forEach((operand, k) => program.operand(operand, k === 2));
        // A thread for each lane along `dim`: lanes never meet, and within one the order is that of the index.
        const shape = without(index.shape, [dim]);
        program.layout(
          'lane',
          shape,
          [index, src, target].map((x) => without(x.strides, [dim])),
          [index, src, target].map((x) => x.offset),
        );
        const [indexStep, srcStep, targetStep] = [index, src, target].map((x) => program.word(x.strides[dim]));
        const how = name === 'add' ? 'sum' : name;
        const made = how === 'set' ? 'load1(source)' : combine(how, target.dtype, 'load2(place)', 'load1(source)');
        program.run(
          numel(shape),
          `for (var k = 0; k < ${program.word(index.shape[dim])}; k++) {
    let pick = load0(lane0(i) + k * ${indexStep});
    if (pick < 0 || pick >= ${program.word(target.shape[dim])}) { complain(${program.complaint(indexComplaint('scatter', target, dim))}, pick); continue; }
    let source = lane1(i) + k * ${srcStep};
    let place = lane2(i) + pick * ${targetStep};
    store2(place, ${made});
  }`,
        );
      };
      if (name === 'add' || name === 'prod') widened(machine, whole, scatter);
      else scatter(whole);
    },
  };
}
