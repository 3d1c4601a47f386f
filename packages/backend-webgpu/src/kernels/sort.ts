import { isFloat, type Operand, type RequiredKernels } from '@flambeau/core';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { temporary } from './elementwise.ts';
import { lanesOf, without } from './lanes.ts';

/** A stable merge sort along one dimension: the ranks are sorted, then the values follow them. */
export function sortKernel(machine: Machine): RequiredKernels['sort'] {
  const kernels: Pick<RequiredKernels, 'sort'> = {
    sort(x, dim, descending, values, indices) {
      if (x.count === 0) return;
      const length = x.shape[dim] ?? 1;
      const count = x.count / length;
      const before = (a: string, b: string): string => {
        const [p, q] = descending ? [b, a] : [a, b];
        return isFloat(x.dtype) ? `(!isNan(${p}) && (isNan(${q}) || ${p} < ${q}))` : `(${p} < ${q})`;
      };
      /** Merges sorted runs of `width` ranks: each element finds its place by counting in the other run. */
      const merge = (from: Operand, to: Operand, width: number): void => {
        const program = new Program(machine, 'sort');
        [x, from, to].forEach((operand, k) => program.operand(operand, k === 2));
        const { steps } = lanesOf(program, [x], dim);
        const [n, run] = [program.word(length), program.word(width)];
        program.run(
          x.count,
          `let base = lane0(i / ${n});
  let row = (i / ${n}) * ${n};
  let k = i % ${n};
  let first = (k / (2 * ${run})) * 2 * ${run};
  let middle = min(first + ${run}, ${n});
  let right = k >= middle;
  let mine = load1(row + k);
  let v = load0(base + mine * ${steps[0]});
  var low = select(middle, first, right);
  var high = select(min(first + 2 * ${run}, ${n}), middle, right);
  let start = low;
  while (low < high) {
    let half = (low + high) / 2;
    let other = load0(base + load1(row + half) * ${steps[0]});
    let smaller = ${before('other', 'v')};
    let larger = ${before('v', 'other')};
    if (smaller || (right && !larger)) { low = half + 1; } else { high = half; }
  }
  store2(row + select(k, k - middle + first, right) + (low - start), mine);`,
        );
      };
      temporary('int32', [count, length], x, (p) => {
        temporary('int32', [count, length], x, (q) => {
          let [now, next] = [p, q];
          const ranks = new Program(machine, 'sort');
          ranks.operand(now, true);
          ranks.run(x.count, `store0(i, i % ${ranks.word(length)});`);
          for (let width = 1; width < length; width *= 2) {
            merge(now, next, width);
            [now, next] = [next, now];
          }
          const program = new Program(machine, 'sort');
          [x, now, values, indices].forEach((operand, k) => program.operand(operand, k > 1));
          const shape = without(x.shape, [dim]);
          const moved = [x, values, indices];
          program.layout('lane', shape, moved.map((o) => without(o.strides, [dim])), moved.map((o) => o.offset)); // prettier-ignore
          const steps = moved.map((o) => program.word(o.strides[dim] ?? 0));
          const n = program.word(length);
          program.run(
            x.count,
            `let row = i / ${n};
  let k = i % ${n};
  let rank = load1(i);
  store2(lane1(row) + k * ${steps[1]}, load0(lane0(row) + rank * ${steps[0]}));
  store3(lane2(row) + k * ${steps[2]}, rank);`,
          );
        });
      });
    },
  };
  return kernels.sort;
}
