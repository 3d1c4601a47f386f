import type { Operand } from '@flambeau/core';
import { temporary } from '../kernels/elementwise.ts';
import { activate, type Activation } from '../kernels/product.ts';
import { reduce } from '../kernels/reduction.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { imageStrides, type Geometry } from './geometry.ts';

// Convolutions in the registers of single threads, which suits adapters without memory that a workgroup shares: a strip of neighbouring
// places by four channels.

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Places of a row that a thread computes: as many as divide the row evenly, and no more than the shader's length allows. */
function stripOf(width: number, kernel: number): number {
  const most = Math.max(1, Math.min(14, Math.floor(96 / kernel)));
  return Math.ceil(width / Math.ceil(width / most));
}

/** A convolution in general: forward, or with stride 1 the gradient of the image, which is one over the gradient of the result. */
interface Pass {
  readonly name: string;
  readonly image: Operand;
  readonly weight: Operand;
  readonly out: Operand;
  readonly bias: Operand | undefined;
  readonly activation?: Activation | undefined;
  /** Channels of the image and of the result, in one group. */
  readonly inner: number;
  readonly outer: number;
  readonly groups: number;
  readonly batch: number;
  readonly size: readonly [number, number];
  readonly places: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Whether the weight is turned round, and its two channel dimensions swapped. */
  readonly turned: boolean;
}

/** The weight as [group, inner, kh, kw, outer], the last rounded up to four, so that a thread reads four channels at once. */
function packWeight(machine: Machine, pass: Pass, into: Operand): void {
  const { weight, inner, outer, groups, kernel, turned } = pass;
  const quads = Math.ceil(outer / 4) * 4;
  const program = new Program(machine, 'packWeight');
  program.operand(weight);
  program.operand(into, true);
  const [c, o, q, kh, kw, at] = [inner, outer, quads, kernel[0], kernel[1], weight.offset].map((v) => program.word(v));
  const [s0, s1, s2, s3] = imageStrides(weight).map((v) => program.word(v));
  const place = turned
    ? `(group * ${c} + i_) * ${s0} + o_ * ${s1} + (${kh} - 1 - y) * ${s2} + (${kw} - 1 - z) * ${s3}`
    : `(group * ${o} + o_) * ${s0} + i_ * ${s1} + y * ${s2} + z * ${s3}`;
  program.run(
    groups * inner * kernel[0] * kernel[1] * quads,
    `let o_ = i % ${q};
  var rest = i / ${q};
  let z = rest % ${kw}; rest = rest / ${kw};
  let y = rest % ${kh}; rest = rest / ${kh};
  let i_ = rest % ${c};
  let group = rest / ${c};
  var v = 0.0;
  if (o_ < ${o}) { v = load0(${place} + ${at}); }
  store1(i, v);`,
  );
}

function run(machine: Machine, pass: Pass): void {
  const { name, image, out, bias, activation, inner, outer, groups, batch, size, places, kernel, stride, padding, dilation } = pass;
  const quads = Math.ceil(outer / 4);
  const strip = stripOf(places[1], kernel[1]);
  const strips = Math.ceil(places[1] / strip);
  temporary('float32', [groups * inner * kernel[0] * kernel[1] * quads * 4], image, (packed) => {
    packWeight(machine, pass, packed);
    const program = new Program(machine, name);
    program.operand(image);
    program.operand(packed, false, 4);
    program.operand(out, true);
    if (bias !== undefined) program.operand(bias);
    const [C, O, Q, G, H, W, OH, OW, KH, S] = [inner, outer, quads, groups, ...size, ...places, kernel[0], strips].map((v) => program.word(v)); // prettier-ignore
    const [sh, sw, ph, pw, dh] = [...stride, ...padding, dilation[0]].map((v) => program.word(v));
    const [n0, n1, n2, n3] = imageStrides(image).map((v) => program.word(v));
    const at = program.word(image.offset);
    const biasAt = bias === undefined ? undefined : [program.word(bias.offset), program.word(bias.strides[0])];
    // Which columns the strip reads, counted from its first: q·stride + kw·dilation.
    const reads = new Map<number, number>();
    for (const q of upTo(strip)) for (const k of upTo(kernel[1])) reads.set(q * stride[1] + k * dilation[1], 0);
    const columns = [...reads.keys()].sort((a, b) => a - b);
    program.include(
      `fn column(row: i32, x: i32) -> f32 { return select(0.0, load0(row + clamp(x, 0, ${W} - 1) * ${n3}), x >= 0 && x < ${W}); }\n`,
    );
    program.run(
      batch * groups * quads * places[0] * strips,
      `var rest = i;
  let first = (rest % ${S}) * ${strip}; rest = rest / ${S};
  let oy = rest % ${OH}; rest = rest / ${OH};
  let quad = rest % ${Q}; rest = rest / ${Q};
  let group = rest % ${G};
  let n = rest / ${G};
  let left = first * ${sw} - ${pw};
  ${upTo(strip)
    .map((q) => `var s${q} = vec4<f32>();`)
    .join(' ')}
  for (var c = 0; c < ${C}; c++) {
    let plane = n * ${n0} + (group * ${C} + c) * ${n1} + ${at};
    for (var y = 0; y < ${KH}; y++) {
      let iy = oy * ${sh} - ${ph} + y * ${dh};
      if (iy < 0 || iy >= ${H}) { continue; }
      let row = plane + iy * ${n2};
      ${columns.map((x) => `let x${x} = column(row, left + ${x});`).join(' ')}
      let w = (((group * ${C} + c) * ${KH} + y) * ${kernel[1]} * ${Q} + quad) * 4;
      ${upTo(kernel[1])
        .map(
          (k) =>
            `{ let v = quad1(w + ${k} * ${Q} * 4); ${upTo(strip)
              .map((q) => `s${q} += x${q * stride[1] + k * dilation[1]} * v;`)
              .join(' ')} }`,
        )
        .join('\n      ')}
    }
  }
  var sums = array<vec4<f32>, ${strip}>(${upTo(strip)
    .map((q) => `s${q}`)
    .join(', ')});
  for (var j = 0; j < min(4, ${O} - quad * 4); j++) {
    let o = group * ${O} + quad * 4 + j;
    let added = ${biasAt === undefined ? '0.0' : `load3(${biasAt[0]} + o * ${biasAt[1]})`};
    let to = ((n * ${G} * ${O} + o) * ${OH} + oy) * ${OW} + first;
    for (var q = 0; q < min(${strip}, ${OW} - first); q++) { ${activate('sums[q][j] + added', activation, (v) => `store2(to + q, ${v});`)} }
  }`,
    );
  });
}

/** y = x ∗ w + bias, with an activation after it where one is given. */
export function directForward(
  machine: Machine,
  q: Geometry,
  image: Operand,
  weight: Operand,
  bias: Operand | undefined,
  out: Operand,
  activation?: Activation,
): void {
  run(machine, { ...q, name: 'convolution', image, weight, out, bias, activation, turned: false });
}

/** The gradient of the image where the stride is 1: a convolution of that of the result by the turned weight. */
export function directInputGrad(machine: Machine, q: Geometry, g: Operand, weight: Operand, out: Operand): void {
  const around = (d: 0 | 1): number => q.dilation[d] * (q.kernel[d] - 1) - q.padding[d];
  run(machine, {
    ...q,
    name: 'convolutionInputGrad',
    image: g,
    weight,
    out,
    bias: undefined,
    inner: q.outer,
    outer: q.inner,
    size: q.places,
    places: q.size,
    stride: [1, 1],
    padding: [around(0), around(1)],
    turned: true,
  });
}

/** The gradient of the weight: each thread sums over some samples, for four channels and a row of the kernel; the parts are then added. */
export function directWeightGrad(machine: Machine, q: Geometry, g: Operand, image: Operand, out: Operand): void {
  const { batch, inner, outer, groups, size, places, kernel, stride, padding, dilation } = q;
  const quads = Math.ceil(outer / 4);
  const threads = groups * quads * inner * kernel[0];
  const chunks = Math.max(1, Math.min(batch, Math.ceil(2048 / threads)));
  const strip = Math.min(places[1], kernel[1] > 8 ? 1 : 4);
  temporary('float32', [chunks, out.count], out, (parts) => {
    const program = new Program(machine, 'convolutionWeightGrad');
    [g, image].forEach((x) => program.operand(x));
    program.operand(parts, true);
    const [N, C, O, Q, H, W, OH, OW, KH, B] = [batch, inner, outer, quads, ...size, ...places, kernel[0], Math.ceil(batch / chunks)].map((v) => program.word(v)); // prettier-ignore
    const [sh, ph, pw, dh] = [stride[0], ...padding, dilation[0]].map((v) => program.word(v));
    const [n0, n1, n2, n3] = imageStrides(image).map((v) => program.word(v));
    const [g0, g1, g2, g3] = imageStrides(g).map((v) => program.word(v));
    const [at, gAt] = [program.word(image.offset), program.word(g.offset)];
    const reads = new Set(upTo(strip).flatMap((p) => upTo(kernel[1]).map((k) => p * stride[1] + k * dilation[1])));
    program.include(
      `fn column(row: i32, x: i32) -> f32 { return select(0.0, load1(row + clamp(x, 0, ${W} - 1) * ${n3}), x >= 0 && x < ${W}); }\n`,
    );
    program.run(
      chunks * threads,
      `var rest = i;
  let y = rest % ${KH}; rest = rest / ${KH};
  let c = rest % ${C}; rest = rest / ${C};
  let quad = rest % ${Q}; rest = rest / ${Q};
  let group = rest % ${program.word(groups)};
  let chunk = rest / ${program.word(groups)};
  let o = quad * 4;
  let last = ${O} - 1;
  let slopes = vec4<i32>(o, min(o + 1, last), min(o + 2, last), min(o + 3, last)) * ${g1};
  ${upTo(kernel[1])
    .map((k) => `var s${k} = vec4<f32>();`)
    .join(' ')}
  for (var n = chunk * ${B}; n < min((chunk + 1) * ${B}, ${N}); n++) {
    for (var oy = 0; oy < ${OH}; oy++) {
      let iy = oy * ${sh} - ${ph} + y * ${dh};
      if (iy < 0 || iy >= ${H}) { continue; }
      let row = n * ${n0} + (group * ${C} + c) * ${n1} + iy * ${n2} + ${at};
      let base = n * ${g0} + group * ${O} * ${g1} + oy * ${g2} + ${gAt};
      for (var ox = 0; ox < ${OW}; ox += ${strip}) {
        let left = ox * ${stride[1]} - ${pw};
        ${[...reads]
          .sort((a, b) => a - b)
          .map((x) => `let x${x} = column(row, left + ${x});`)
          .join(' ')}
        ${upTo(strip)
          .map(
            (p) =>
              `{ let at = slopes + (base + min(ox + ${p}, ${OW} - 1) * ${g3}); let v = select(0.0, 1.0, ox + ${p} < ${OW}) * vec4<f32>(load0(at.x), load0(at.y), load0(at.z), load0(at.w)); ${upTo(
                kernel[1],
              )
                .map((k) => `s${k} += x${p * stride[1] + k * dilation[1]} * v;`)
                .join(' ')} }`,
          )
          .join('\n        ')}
      }
    }
  }
  var sums = array<vec4<f32>, ${kernel[1]}>(${upTo(kernel[1])
    .map((k) => `s${k}`)
    .join(', ')});
  for (var j = 0; j < min(4, ${O} - quad * 4); j++) {
    let to = chunk * ${program.word(out.count)} + (((group * ${O} + quad * 4 + j) * ${C} + c) * ${KH} + y) * ${kernel[1]};
    for (var k = 0; k < ${kernel[1]}; k++) { store2(to + k, sums[k][j]); }
  }`,
    );
    const flat = { ...parts, shape: [1, out.count], strides: [out.count, 1], count: out.count };
    const all = { storage: parts.storage, dtype: parts.dtype, offset: 0, shape: [chunks, out.count], strides: [out.count, 1], count: parts.count }; // prettier-ignore
    reduce(machine, 'sum', chunks === 1 ? flat : all, { ...all, storage: out.storage, offset: out.offset, shape: [1, out.count], count: out.count }, [0]); // prettier-ignore
  });
}
