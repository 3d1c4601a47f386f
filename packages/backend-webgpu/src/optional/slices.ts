import { type Operand, type OptionalKernel } from '@flambeau/core';
import { clearElements, copyElements } from '../kernels/elementwise.ts';
import { indexComplaint } from '../kernels/indexing.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { isPlain, isRowMajor } from './operands.ts';

interface DimAttrs {
  readonly dim: number;
}

const isIndex = (x: Operand): boolean => x.dtype === 'int32' && isRowMajor(x);
const plainOf = (x: Operand): boolean => isRowMajor(x) && (x.dtype === 'float32' || x.dtype === 'int32' || x.dtype === 'uint32');

/** Additions up to which every element looks through the whole index, side by side, on a real GPU. */
const lookups = 2 ** 28;

/** Rows of a table by an index, as embeddings read them, and the sum of rows that fall on one place. */
export function sliceKernels(machine: Machine): Record<string, OptionalKernel> {
  /** x as [outer, n, inner]. */
  const extents = ({ shape }: Operand, dim: number): [number, number, number] => [
    shape.slice(0, dim).reduce((a, b) => a * b, 1),
    shape[dim],
    shape.slice(dim + 1).reduce((a, b) => a * b, 1),
  ];

  const indexSelect: OptionalKernel = {
    accepts: ([x, index]) => plainOf(x) && isIndex(index),
    run([x, index], [out], attrs) {
      if (out.count === 0) return;
      const { dim } = attrs as DimAttrs;
      const [, n, inner] = extents(x, dim);
      const program = new Program(machine, 'indexSelect');
      [x, index].forEach((operand) => program.operand(operand));
      program.operand(out, true);
      const [rows, step, taken, at, indexAt] = [n, inner, index.count, x.offset, index.offset].map((v) => program.word(v));
      const code = program.complaint(indexComplaint('indexSelect', x, dim));
      program.run(
        out.count,
        `let pick = load1((i / ${step}) % ${taken} + ${indexAt});
  if (pick < 0 || pick >= ${rows}) { complain(${code}, pick); return; }
  store2(i, load0(((i / (${step} * ${taken})) * ${rows} + pick) * ${step} + i % ${step} + ${at}));`,
      );
    },
  };

  /** out[..., index[j], ...] += source[..., j, ...], in the order of j. */
  function add(index: Operand, source: Operand, out: Operand, dim: number): void {
    if (source.count === 0) return;
    const [outer, n, inner] = extents(out, dim);
    const program = new Program(machine, 'indexAdd');
    [index, source].forEach((operand) => program.operand(operand));
    program.operand(out, true);
    const [rows, step, taken, at, indexAt] = [n, inner, index.count, source.offset, index.offset].map((v) => program.word(v));
    const code = program.complaint(indexComplaint('indexAdd', out, dim));
    if (!machine.software && out.count * index.count <= lookups) {
      // Each element looks for its row in the index; the first thread of all checks the index.
      program.run(
        out.count,
        `let mine = (i / ${step}) % ${rows};
  let base = (i / (${step} * ${rows})) * ${taken} * ${step} + i % ${step} + ${at};
  var total = load2(i);
  for (var j = 0; j < ${taken}; j++) {
    let pick = load0(j + ${indexAt});
    if (i == 0 && (pick < 0 || pick >= ${rows})) { complain(${code}, pick); }
    if (pick == mine) { total += load1(base + j * ${step}); }
  }
  store2(i, total);`,
      );
      return;
    }
    program.run(
      outer * inner,
      `let first = i / ${step};
  let rest = i % ${step};
  for (var j = 0; j < ${taken}; j++) {
    let pick = load0(j + ${indexAt});
    if (pick < 0 || pick >= ${rows}) { complain(${code}, pick); continue; }
    let place = (first * ${rows} + pick) * ${step} + rest;
    store2(place, load2(place) + load1((first * ${taken} + j) * ${step} + rest + ${at}));
  }`,
    );
  }

  const indexAdd: OptionalKernel = {
    accepts: ([x, index, source]) => isPlain(x) && isIndex(index) && isPlain(source),
    run([x, index, source], [out], attrs) {
      copyElements(machine, x, out);
      add(index, source, out, (attrs as DimAttrs).dim);
    },
  };

  const indexSelectGrad: OptionalKernel = {
    accepts: ([index, g]) => isIndex(index) && isPlain(g),
    run([index, g], [out], attrs) {
      clearElements(machine, out);
      add(index, g, out, (attrs as DimAttrs).dim);
    },
  };

  return { indexSelect, indexAdd, indexSelectGrad };
}
