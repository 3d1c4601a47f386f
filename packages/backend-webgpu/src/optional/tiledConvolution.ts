import { contiguousStrides, type Operand } from '@flambeau/core';
import { temporary } from '../kernels/elementwise.ts';
import { activate, type Activation } from '../kernels/product.ts';
import { reduce } from '../kernels/reduction.ts';
import { runTiled } from '../kernels/tiles.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { imageStrides, type Geometry } from './geometry.ts';

// Convolutions as matrix products in tiles of workgroup memory, whose operands are read out of the image as they are needed (implicit GEMM).
// @see Chetlur et al. 2014, cuDNN: efficient primitives for deep learning

/** The words of a geometry, and functions that read the operands by it. */
function describeGeometry(program: Program, q: Geometry) {
  const [C, O, H, W, OH, OW, KH, KW] = [q.inner, q.outer, ...q.size, ...q.places, ...q.kernel].map((v) => program.word(v));
  const [sh, sw, ph, pw, dh, dw] = [...q.stride, ...q.padding, ...q.dilation].map((v) => program.word(v));
  return { C, O, H, W, OH, OW, KH, KW, sh, sw, ph, pw, dh, dw };
}

/** Code that takes an index apart: the last name changes fastest. */
const apart = (value: string, parts: readonly (readonly [string, string])[]): string =>
  `var r_ = ${value}; ${parts.map(([name, size], i) => (i === parts.length - 1 ? `let ${name} = r_;` : `let ${name} = r_ % ${size}; r_ = r_ / ${size};`)).join(' ')}`;

/** y [O, N·OH·OW] = w [O, C·KH·KW] · windows [C·KH·KW, N·OH·OW], for each group, with an activation after it where one is given. */
export function tiledForward(
  machine: Machine,
  q: Geometry,
  image: Operand,
  weight: Operand,
  bias: Operand | undefined,
  out: Operand,
  activation?: Activation,
): void {
  const program = new Program(machine, 'convolution');
  [image, weight].forEach((x) => program.operand(x));
  program.operand(out, true);
  if (bias !== undefined) program.operand(bias);
  const v = describeGeometry(program, q);
  const [x0, x1, x2, x3] = imageStrides(image).map((s) => program.word(s));
  const [w0, w1, w2, w3] = imageStrides(weight).map((s) => program.word(s));
  const [xAt, wAt, oAt, groups] = [image.offset, weight.offset, out.offset, q.groups].map((s) => program.word(s));
  program.include(`fn window(group: i32, k: i32, column: i32) -> f32 {
  let position = column;
  ${apart('k', [['kx', v.KW], ['ky', v.KH], ['c', '']])}
  ${apart('position', [['ox', v.OW], ['oy', v.OH], ['n', '']]).replaceAll('r_', 'p_')}
  let y = oy * ${v.sh} - ${v.ph} + ky * ${v.dh};
  let x = ox * ${v.sw} - ${v.pw} + kx * ${v.dw};
  if (y < 0 || y >= ${v.H} || x < 0 || x >= ${v.W}) { return 0.0; }
  return load0(n * ${x0} + (group * ${v.C} + c) * ${x1} + y * ${x2} + x * ${x3} + ${xAt});
}
fn factor(group: i32, o: i32, k: i32) -> f32 {
  ${apart('k', [['kx', v.KW], ['ky', v.KH], ['c', '']])}
  return load1((group * ${v.O} + o) * ${w0} + c * ${w1} + ky * ${w2} + kx * ${w3} + ${wAt});
}\n`); // prettier-ignore
  const added =
    bias === undefined ? '' : ` + load3(${program.word(bias.offset)} + (which * ${v.O} + row) * ${program.word(bias.strides[0])})`;
  const plane = `${v.OH} * ${v.OW}`;
  runTiled(program, {
    rows: q.outer,
    columns: q.batch * q.places[0] * q.places[1],
    inner: q.inner * q.kernel[0] * q.kernel[1],
    count: q.groups,
    begin: '',
    a: 'factor(which, row, k)',
    b: 'window(which, k, column)',
    aAlongK: true,
    bAlongK: false,
    store: activate(
      `value${added}`,
      activation,
      (x) => `store2(((column / (${plane})) * ${groups} * ${v.O} + which * ${v.O} + row) * ${plane} + column % (${plane}) + ${oAt}, ${x});`,
    ),
  });
}

/** dx [C, N·H·W] = wᵀ [C, O·KH·KW] · what reached each place [O·KH·KW, N·H·W]. */
export function tiledInputGrad(machine: Machine, q: Geometry, g: Operand, weight: Operand, out: Operand): void {
  const program = new Program(machine, 'convolutionInputGrad');
  [g, weight].forEach((x) => program.operand(x));
  program.operand(out, true);
  const v = describeGeometry(program, q);
  const [g0, g1, g2, g3] = imageStrides(g).map((s) => program.word(s));
  const [w0, w1, w2, w3] = imageStrides(weight).map((s) => program.word(s));
  const [gAt, wAt, oAt, groups] = [g.offset, weight.offset, out.offset, q.groups].map((s) => program.word(s));
  program.include(`fn reached(group: i32, k: i32, column: i32) -> f32 {
  ${apart('k', [['kx', v.KW], ['ky', v.KH], ['o', '']])}
  ${apart('column', [['x', v.W], ['y', v.H], ['n', '']]).replaceAll('r_', 'p_')}
  let high = y + ${v.ph} - ky * ${v.dh};
  let wide = x + ${v.pw} - kx * ${v.dw};
  if (high < 0 || wide < 0 || high % ${v.sh} != 0 || wide % ${v.sw} != 0) { return 0.0; }
  let oy = high / ${v.sh};
  let ox = wide / ${v.sw};
  if (oy >= ${v.OH} || ox >= ${v.OW}) { return 0.0; }
  return load0(n * ${g0} + (group * ${v.O} + o) * ${g1} + oy * ${g2} + ox * ${g3} + ${gAt});
}
fn factor(group: i32, c: i32, k: i32) -> f32 {
  ${apart('k', [['kx', v.KW], ['ky', v.KH], ['o', '']])}
  return load1((group * ${v.O} + o) * ${w0} + c * ${w1} + ky * ${w2} + kx * ${w3} + ${wAt});
}\n`); // prettier-ignore
  const plane = `${v.H} * ${v.W}`;
  runTiled(program, {
    rows: q.inner,
    columns: q.batch * q.size[0] * q.size[1],
    inner: q.outer * q.kernel[0] * q.kernel[1],
    count: q.groups,
    begin: '',
    a: 'factor(which, row, k)',
    b: 'reached(which, k, column)',
    aAlongK: true,
    bAlongK: false,
    store: `store2(((column / (${plane})) * ${groups} * ${v.C} + which * ${v.C} + row) * ${plane} + column % (${plane}) + ${oAt}, value);`,
  });
}

/** dw [O, C·KH·KW] = g [O, N·OH·OW] · windowsᵀ [N·OH·OW, C·KH·KW]: the long inner dimension in chunks, whose parts are then added. */
export function tiledWeightGrad(machine: Machine, q: Geometry, g: Operand, image: Operand, out: Operand): void {
  const total = q.batch * q.places[0] * q.places[1];
  const width = q.inner * q.kernel[0] * q.kernel[1];
  const tiles = q.groups * Math.ceil(q.outer / 64) * Math.ceil(width / 64);
  const chunks = Math.max(1, Math.min(Math.ceil(256 / tiles), Math.floor(total / 256)));
  temporary('float32', [chunks, out.count], out, (parts) => {
    const program = new Program(machine, 'convolutionWeightGrad');
    [g, image].forEach((x) => program.operand(x));
    program.operand(parts, true);
    const v = describeGeometry(program, q);
    const [g0, g1, g2, g3] = imageStrides(g).map((s) => program.word(s));
    const [x0, x1, x2, x3] = imageStrides(image).map((s) => program.word(s));
    const [gAt, xAt, all, span, groups, count, columns] = [g.offset, image.offset, total, Math.ceil(total / chunks), q.groups, out.count, width].map((s) => program.word(s)); // prettier-ignore
    program.include(`fn slope(group: i32, o: i32, position: i32) -> f32 {
  if (position >= ${all}) { return 0.0; }
  ${apart('position', [['ox', v.OW], ['oy', v.OH], ['n', '']])}
  return load0(n * ${g0} + (group * ${v.O} + o) * ${g1} + oy * ${g2} + ox * ${g3} + ${gAt});
}
fn window(group: i32, position: i32, column: i32) -> f32 {
  if (position >= ${all}) { return 0.0; }
  ${apart('column', [['kx', v.KW], ['ky', v.KH], ['c', '']])}
  ${apart('position', [['ox', v.OW], ['oy', v.OH], ['n', '']]).replaceAll('r_', 'p_')}
  let y = oy * ${v.sh} - ${v.ph} + ky * ${v.dh};
  let x = ox * ${v.sw} - ${v.pw} + kx * ${v.dw};
  if (y < 0 || y >= ${v.H} || x < 0 || x >= ${v.W}) { return 0.0; }
  return load1(n * ${x0} + (group * ${v.C} + c) * ${x1} + y * ${x2} + x * ${x3} + ${xAt});
}\n`); // prettier-ignore
    runTiled(program, {
      rows: q.outer,
      columns: width,
      inner: Math.ceil(total / chunks),
      count: chunks * q.groups,
      begin: `let group_ = which % ${groups}; let chunk = which / ${groups}; let start = chunk * ${span};`,
      a: 'slope(group_, row, start + k)',
      b: 'window(group_, start + k, column)',
      aAlongK: true,
      bAlongK: true,
      store: `store2(chunk * ${count} + (group_ * ${v.O} + row) * ${columns} + column, value);`,
    });
    const flat = (storage: Operand, n: number): Operand => ({ ...storage, shape: [n, out.count], strides: contiguousStrides([n, out.count]), count: n * out.count, storage: storage.storage, dtype: storage.dtype, offset: storage.offset }); // prettier-ignore
    reduce(machine, 'sum', flat(parts, chunks), flat(out, 1), [0]);
  });
}
