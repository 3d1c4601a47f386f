import { numel, type RequiredKernels } from '@flambeau/core';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { widened } from './elementwise.ts';
import { only } from './lanes.ts';

/** The sum of overlapping windows. */
export function foldKernel(machine: Machine): RequiredKernels['fold'] {
  const addAll: RequiredKernels['fold'] = (x, out, strides, offset) => {
    const apart = separable(x.shape, strides);
    const rest = x.shape.map((_, d) => d).filter((d) => !apart.includes(d));
    const steps = numel(only(x.shape, rest));
    // Elements that may meet are added by dispatches that follow each other; too many of them, by one thread in a loop.
    const looped = steps > 256;
    const parallel = looped ? [] : apart;
    const serial = looped ? x.shape.map((_, d) => d) : rest;
    for (let step = 0; step < (looped ? 1 : steps); step++) {
      let [from, to, left] = [x.offset, offset, step];
      if (!looped) {
        for (const d of [...rest].reverse()) {
          const at = left % x.shape[d];
          left = Math.floor(left / x.shape[d]);
          from += at * x.strides[d];
          to += at * strides[d];
        }
      }
      const program = new Program(machine, 'fold');
      program.operand(x);
      program.operand(out, true);
      program.layout('at', only(x.shape, parallel), [only(x.strides, parallel), only(strides, parallel)], [from, to]);
      if (looped) program.layout('step', only(x.shape, serial), [only(x.strides, serial), only(strides, serial)], [0, 0]);
      const add = (more: readonly string[]): string =>
        `let place = at1(i)${more[1]}; store1(place, load1(place) + load0(at0(i)${more[0]}));`;
      program.run(
        numel(only(x.shape, parallel)),
        looped ? `for (var k = 0; k < ${program.word(x.count)}; k++) { ${add([' + step0(k)', ' + step1(k)'])} }` : add(['', '']),
      );
    }
  };
  return (x, out, strides, offset) => {
    if (x.count > 0) widened(machine, out, (wide) => addAll(x, wide, strides, offset));
  };
}

/** The largest set of dimensions whose elements never meet in a layout: each steps over all that the smaller ones span. */
function separable(shape: readonly number[], strides: readonly number[]): number[] {
  const byStride = shape.map((_, d) => d).sort((a, b) => Math.abs(strides[a]) - Math.abs(strides[b]) || shape[a] - shape[b]);
  let best: number[] = [];
  let most = 0;
  for (let choice = 0; choice < 2 ** Math.min(byStride.length, 12); choice++) {
    const dims = byStride.filter((_, i) => (choice >> i) & 1);
    let span = 0;
    let apart = true;
    for (const d of dims) {
      if (shape[d] > 1 && Math.abs(strides[d]) <= span) apart = false;
      span += (shape[d] - 1) * Math.abs(strides[d]);
    }
    const count = numel(only(shape, dims));
    if (apart && count > most) [best, most] = [dims, count];
  }
  return best;
}
