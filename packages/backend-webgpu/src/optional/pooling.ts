import type { Operand, OptionalKernel } from '@flambeau/core';
import { clearElements } from '../kernels/elementwise.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { isPlain, isRowMajor } from './operands.ts';

/** How windows lie in a plane. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

const pair = (values: readonly number[], first: number): readonly [number, number] =>
  values.length === 2 ? [values[0], values[1]] : [first, values[0]];
/** Height and width; one dimension is a single row. */
const plane = (shape: readonly number[], dims: 1 | 2): readonly [number, number] => pair(shape.slice(shape.length - dims), 1);

/** Words of kernel, stride, padding and dilation, each downwards and across. */
const words = (program: Program, { kernel, stride, padding, dilation }: Windows): string[] =>
  [...pair(kernel, 1), ...pair(stride, 1), ...pair(padding, 0), ...pair(dilation, 1)].map((v) => program.word(v));

/** The largest value of each window of a row-major x, and its place in the plane. */
export function maxPool(machine: Machine, dims: 1 | 2, x: Operand, values: Operand, indices: Operand, windows: Windows): void {
  const program = new Program(machine, `maxPool${dims}d`);
  program.operand(x);
  program.operand(values, true);
  program.operand(indices, true);
  const [h, w, oh, ow] = [...plane(x.shape, dims), ...plane(values.shape, dims)].map((v) => program.word(v));
  const [kh, kw, sh, sw, ph, pw, dh, dw] = words(program, windows);
  program.run(
    values.count,
    `let top = ((i / ${ow}) % ${oh}) * ${sh} - ${ph};
let side = (i % ${ow}) * ${sw} - ${pw};
let base = (i / (${ow} * ${oh})) * ${h} * ${w} + ${program.word(x.offset)};
var best = -inf();
var place = -1;
for (var a = 0; a < ${kh}; a++) {
  let y = top + a * ${dh};
  if (y < 0 || y >= ${h}) { continue; }
  for (var b = 0; b < ${kw}; b++) {
    let z = side + b * ${dw};
    if (z < 0 || z >= ${w}) { continue; }
    let v = load0(base + y * ${w} + z);
    if (place < 0 || v > best || (isNan(v) && !isNan(best))) { best = v; place = y * ${w} + z; }
  }
}
store1(i, best);
store2(i, place);`,
  );
}

/** Max pooling over one or two dimensions, and its gradient, in one dispatch each. */
export function poolingKernels(machine: Machine): Record<string, OptionalKernel> {
  const forward = (dims: 1 | 2): OptionalKernel => ({
    accepts: ([x]) => isPlain(x) && x.count > 0,
    run: ([x], [values, indices], attrs) => maxPool(machine, dims, x, values, indices, attrs as Windows),
  });

  /** Without the windows of a place: each plane by one thread, which adds in the order of the results. */
  function addByPlane(g: Operand, indices: Operand, out: Operand, dims: 1 | 2): void {
    clearElements(machine, out);
    const size = ([a, b]: readonly [number, number]): number => a * b;
    const [places, results] = [size(plane(out.shape, dims)), size(plane(g.shape, dims))];
    const program = new Program(machine, 'maxPoolGradByPlane');
    [g, indices].forEach((x) => program.operand(x));
    program.operand(out, true);
    const [n, m, gAt, at] = [results, places, g.offset, indices.offset].map((v) => program.word(v));
    program.run(
      out.count / places,
      `for (var k = i * ${n}; k < (i + 1) * ${n}; k++) { let place = i * ${m} + load1(k + ${at}); store2(place, load2(place) + load0(k + ${gAt})); }`,
    );
  }

  /** Windows that lie side by side and cover the plane: each by one thread, which writes all of its places. */
  function spreadWindows(g: Operand, indices: Operand, out: Operand, dims: 1 | 2, [kh, kw]: readonly [number, number]): void {
    const program = new Program(machine, `maxPool${dims}dGradApart`);
    [g, indices].forEach((x) => program.operand(x));
    program.operand(out, true);
    const [h, w, oh, ow] = [...plane(out.shape, dims), ...plane(g.shape, dims)].map((v) => program.word(v));
    const [gAt, at] = [program.word(g.offset), program.word(indices.offset)];
    program.run(
      g.count,
      `let corner = ((i / ${ow}) % ${oh}) * ${kh} * ${w} + (i % ${ow}) * ${kw};
  let base = (i / (${ow} * ${oh})) * ${h} * ${w};
  let mine = load1(i + ${at});
  let value = load0(i + ${gAt});
  for (var a = 0; a < ${kh}; a++) {
    for (var b = 0; b < ${kw}; b++) {
      let place = corner + a * ${w} + b;
      store2(base + place, select(0.0, value, place == mine));
    }
  }`,
    );
  }

  const grad = (dims: 1 | 2): OptionalKernel => ({
    accepts: ([g, indices]) => isPlain(g) && g.count > 0 && indices.dtype === 'int32' && isRowMajor(indices),
    run([g, indices], [out], attrs) {
      const { kernel, stride, padding, dilation } = attrs as Partial<Windows>;
      if (kernel === undefined || stride === undefined || padding === undefined || dilation === undefined) {
        addByPlane(g, indices, out, dims);
        return;
      }
      const [height, width] = plane(out.shape, dims);
      const [[kernelHeight, kernelWidth], [down, across]] = [pair(kernel, 1), pair(stride, 1)];
      const apart = down === kernelHeight && across === kernelWidth && padding.every((n) => n === 0) && dilation.every((n) => n === 1);
      const [rows, columns] = plane(g.shape, dims);
      if (apart && rows * kernelHeight === height && columns * kernelWidth === width) {
        spreadWindows(g, indices, out, dims, [kernelHeight, kernelWidth]);
        return;
      }
      const program = new Program(machine, `maxPool${dims}dGrad`);
      [g, indices].forEach((x) => program.operand(x));
      program.operand(out, true);
      const [h, w, oh, ow] = [...plane(out.shape, dims), ...plane(g.shape, dims)].map((v) => program.word(v));
      const [kh, kw, sh, sw, ph, pw, dh, dw] = words(program, { kernel, stride, padding, dilation });
      const [gAt, at] = [program.word(g.offset), program.word(indices.offset)];
      // Window o covers place y where y + padding - o·stride is k·dilation with k in the kernel.
      program.run(
        out.count,
        `let z = i % ${w};
  let y = (i / ${w}) % ${h};
  let base = (i / (${w} * ${h})) * ${oh} * ${ow};
  let mine = y * ${w} + z;
  var total = 0.0;
  for (var a = max(0, (y + ${ph} - (${kh} - 1) * ${dh} + ${sh} - 1) / ${sh}); a < ${oh} && a * ${sh} <= y + ${ph}; a++) {
    if ((y + ${ph} - a * ${sh}) % ${dh} != 0) { continue; }
    for (var b = max(0, (z + ${pw} - (${kw} - 1) * ${dw} + ${sw} - 1) / ${sw}); b < ${ow} && b * ${sw} <= z + ${pw}; b++) {
      let k = base + a * ${ow} + b;
      if (load1(k + ${at}) == mine) { total += load0(k + ${gAt}); }
    }
  }
  store2(i, total);`,
      );
    },
  });

  return { maxPool1d: forward(1), maxPool2d: forward(2), maxPool1dGrad: grad(1), maxPool2dGrad: grad(2) };
}
