import { isFloat, numel, type DType, type Operand } from '@flambeau/core';
import { floatUnary } from '../functions.ts';
import { isBindable, type Machine } from '../machine.ts';
import { Program } from '../shader.ts';
import { typeOf } from '../wgsl.ts';
import { clearElements, elementwise, narrowed, temporary } from './elementwise.ts';
import { reduce } from './reduction.ts';
import { isSmall, smallProduct } from './smallProduct.ts';
import { runTiled, usesTiles } from './tiles.ts';

/** What becomes of each sum, bias included, before it is stored. */
export type Activation = 'relu' | 'sigmoid' | 'tanh';

/** A matrix product [...batch, m, k]·[...batch, k, n], with a bias [n] added to each row and an activation after it where there are such. */
export interface Product {
  readonly a: Operand;
  readonly b: Operand;
  readonly out: Operand;
  readonly bias: Operand | undefined;
  readonly activation?: Activation | undefined;
}

/** Code that stores a value, after the activation where there is one. */
export function activate(value: string, activation: Activation | undefined, store: (value: string) => string): string {
  return activation === undefined ? store(value) : `{ let x = ${value}; ${store(floatUnary[activation])} }`;
}

const xyzw = ['x', 'y', 'z', 'w'];
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** How the elements of a matrix are read four at a time: along k, along the other dimension, or one by one. */
type Reading = 'along' | 'across' | 'single';

function readingOf(x: Operand, kDim: number, otherDim: number): Reading {
  const aligned = (dim: number): boolean => x.strides.every((s, i) => i === dim || s % 4 === 0 || x.shape[i] === 1);
  if (x.dtype !== 'float32' || x.offset % 4 !== 0) return 'single';
  if (x.strides[kDim] === 1 && aligned(kDim)) return 'along';
  return x.strides[otherDim] === 1 && aligned(otherDim) ? 'across' : 'single';
}

/** A product with 8 by 8 (or 4 by 4) sums in the registers of a thread, fed four elements at a time. */
function registerProduct(machine: Machine, { a, b, out, bias, activation }: Product): void {
  const rank = out.shape.length;
  const batch = out.shape.slice(0, -2);
  const [m, n, inner] = [out.shape[rank - 2], out.shape[rank - 1], a.shape[rank - 1]];
  const program = new Program(machine, 'matmul');
  const [readA, readB] = [readingOf(a, rank - 1, rank - 2), readingOf(b, rank - 2, rank - 1)];
  const tail = inner % 4 !== 0;
  const size = Math.ceil(m / 8) * Math.ceil(n / 8) * numel(batch) >= 64 ? 8 : 4;
  [a, b, out].forEach((x, k) => program.operand(x, k === 2));
  if (bias !== undefined) program.operand(bias);
  // What is read four at a time is bound once more.
  const quadA = readA === 'single' ? '' : `quad${program.operand(a, false, 4)}`;
  const quadB = readB === 'single' ? '' : `quad${program.operand(b, false, 4)}`;
  program.layout('batch', batch, [a, b, out].map((x) => x.strides.slice(0, -2)), [a, b, out].map((x) => x.offset)); // prettier-ignore
  const [down, across] = [Math.ceil(m / size), Math.ceil(n / size)];
  const [M, N, K, D, A] = [m, n, inner, down, across].map((v) => program.word(v));
  const [ar, ac, br, bc, or, oc] = [a, b, out].flatMap((x) => [program.word(x.strides[rank - 2]), program.word(x.strides[rank - 1])]);
  const biasAt = bias === undefined ? undefined : { offset: program.word(bias.offset), step: program.word(bias.strides[0]) };
  const type = typeOf(out.dtype);
  const [rows, quads] = [upTo(size), upTo(size / 4)];
  const four = upTo(4);

  const text = (): string => {
    const fetchA =
      readA === 'across'
        ? four.flatMap((k) => quads.map((q) => `let A${k}_${q} = ${quadA}(baseA + row + ${4 * q} + (k + ${k}) * ${ac});`))
        : rows.map((r) =>
            readA === 'along'
              ? `let A${r} = ${quadA}(a${r} + k);`
              : `let A${r} = vec4<${type}>(${four.map((k) => `load0(a${r} + (k + ${k}) * ${ac})`).join(', ')});`,
          );
    const elementA = (r: number, k: number): string => (readA === 'across' ? `A${k}_${r >> 2}.${xyzw[r & 3]}` : `A${r}.${xyzw[k]}`);
    const fetchB =
      readB === 'across'
        ? four.flatMap((k) => quads.map((q) => `let B${k}_${q} = ${quadB}(baseB + column + ${4 * q} + (k + ${k}) * ${br});`))
        : readB === 'along'
          ? upTo(size).map((c) => `let C${c} = ${quadB}(c${c} + k);`)
          : four.flatMap((k) =>
              quads.map(
                (q) => `let B${k}_${q} = vec4<${type}>(${four.map((c) => `load1(c${4 * q + c} + (k + ${k}) * ${br})`).join(', ')});`,
              ),
            );
    const quadOfB = (k: number, q: number): string =>
      readB === 'along' ? `vec4<${type}>(${four.map((c) => `C${4 * q + c}.${xyzw[k]}`).join(', ')})` : `B${k}_${q}`;
    // The columns of b as vectors, once for each k, when they were read along k.
    const turned = readB === 'along' ? four.flatMap((k) => quads.map((q) => `let T${k}_${q} = ${quadOfB(k, q)};`)) : [];
    const useB = (k: number, q: number): string => (readB === 'along' ? `T${k}_${q}` : `B${k}_${q}`);
    const main = rows.flatMap((r) => quads.map((q) => `s${r}_${q} += ${four.map((k) => `${elementA(r, k)} * ${useB(k, q)}`).join(' + ')};`)); // prettier-ignore
    const rest = `for (; k < ${K}; k++) {
      ${quads.map((q) => `let b${q} = vec4<${type}>(${four.map((c) => `load1(c${4 * q + c} + k * ${br})`).join(', ')});`).join(' ')}
      ${rows.map((r) => `{ let v = load0(a${r} + k * ${ac}); ${quads.map((q) => `s${r}_${q} += v * b${q};`).join(' ')} }`).join('\n    ')}
    }`;
    return `let tile = i % (${D} * ${A});
  let which = i / (${D} * ${A});
  let row = (tile / ${A}) * ${size};
  let column = (tile % ${A}) * ${size};
  let baseA = batch0(which); let baseB = batch1(which); let baseO = batch2(which);
  ${rows.map((r) => `let a${r} = baseA + min(row + ${r}, ${M} - 1) * ${ar}; let c${r} = baseB + min(column + ${r}, ${N} - 1) * ${bc};`).join('\n  ')}
  ${rows.map((r) => quads.map((q) => `var s${r}_${q} = vec4<${type}>();`).join(' ')).join('\n  ')}
  var k = 0;
  for (; k + 3 < ${K}; k += 4) {
    ${[...fetchA, ...fetchB, ...turned, ...main].join('\n    ')}
  }
  ${tail ? rest : ''}
  var sums = array<vec4<${type}>, ${size * quads.length}>(${rows.flatMap((r) => quads.map((q) => `s${r}_${q}`)).join(', ')});
  for (var r = 0; r < min(${size}, ${M} - row); r++) {
    for (var c = 0; c < min(${size}, ${N} - column); c++) {
      ${activate(`sums[r * ${quads.length} + c / 4][c % 4]${biasAt === undefined ? '' : ` + load3(${biasAt.offset} + (column + c) * ${biasAt.step})`}`, activation, (v) => `store2(baseO + (row + r) * ${or} + (column + c) * ${oc}, ${v});`)}
    }
  }`;
  };
  const way = [size, readA, readB, tail, type, activation, bias !== undefined].join(' ');
  program.run(numel(batch) * down * across, text, way);
}

/** The same in tiles that a workgroup shares. */
function tiledProduct(machine: Machine, { a, b, out, bias, activation }: Product): void {
  const rank = out.shape.length;
  const batch = out.shape.slice(0, -2);
  const program = new Program(machine, 'matmul');
  [a, b, out].forEach((x, k) => program.operand(x, k === 2));
  if (bias !== undefined) program.operand(bias);
  program.layout('batch', batch, [a, b, out].map((x) => x.strides.slice(0, -2)), [a, b, out].map((x) => x.offset)); // prettier-ignore
  const [ar, ac, br, bc, or, oc] = [a, b, out].flatMap((x) => [program.word(x.strides[rank - 2]), program.word(x.strides[rank - 1])]);
  const added = bias === undefined ? '' : ` + load3(${program.word(bias.offset)} + column * ${program.word(bias.strides[0])})`;
  runTiled(program, {
    rows: out.shape[rank - 2],
    columns: out.shape[rank - 1],
    inner: a.shape[rank - 1],
    count: numel(batch),
    begin: 'let baseA = batch0(which); let baseB = batch1(which); let baseO = batch2(which);',
    a: `load0(baseA + row * ${ar} + k * ${ac})`,
    b: `load1(baseB + k * ${br} + column * ${bc})`,
    aAlongK: a.strides[rank - 1] === 1,
    bAlongK: b.strides[rank - 2] === 1,
    store: activate(`value${added}`, activation, (v) => `store2(baseO + row * ${or} + column * ${oc}, ${v});`),
  });
}

/** The dtype in which parts of a sum are kept until they are added. */
const sumsOf = ({ dtype }: Operand): DType => (dtype === 'float16' ? 'float32' : dtype);

/** Cuts dimensions that a product's operands share until each part can be bound. */
function splitProduct(machine: Machine, product: Product): void {
  const { a, b, out, bias, activation } = product;
  const rank = out.shape.length;
  const halves = (n: number): [number, number][] => [
    [0, Math.ceil(n / 2)],
    [Math.ceil(n / 2), n - Math.ceil(n / 2)],
  ];
  const outer = out.shape.slice(0, -2).findIndex((n) => n > 1);
  if (outer >= 0) {
    for (const [from, length] of halves(out.shape[outer])) {
      const part = (x: Operand): Operand => narrowed(x, outer, from, length);
      matrixProduct(machine, { a: part(a), b: part(b), out: part(out), bias, activation });
    }
    return;
  }
  const [m, n, k] = [out.shape[rank - 2], out.shape[rank - 1], a.shape[rank - 1]];
  const [aFits, bFits] = [isBindable(a, machine.limits), isBindable(b, machine.limits)];
  const wide = (x: Operand, dim: number): boolean => x.strides[dim] >= x.strides[2 * rank - 3 - dim];
  if (m > 1 && ((!aFits && (wide(a, rank - 2) || k === 1)) || (aFits && bFits))) {
    for (const [from, length] of halves(m))
      matrixProduct(machine, { a: narrowed(a, rank - 2, from, length), b, out: narrowed(out, rank - 2, from, length), bias, activation });
  } else if (n > 1 && ((!bFits && (wide(b, rank - 1) || k === 1)) || (aFits && bFits))) {
    for (const [from, length] of halves(n))
      matrixProduct(machine, { a, b: narrowed(b, rank - 1, from, length), out: narrowed(out, rank - 1, from, length), bias: bias && narrowed(bias, 0, from, length), activation }); // prettier-ignore
  } else if (k > 1) {
    // Σ over both halves of k.
    const [[, first], [, second]] = halves(k);
    matrixProduct(machine, { a: narrowed(a, rank - 1, 0, first), b: narrowed(b, rank - 2, 0, first), out, bias });
    temporary(sumsOf(out), out.shape, out, (more) => {
      matrixProduct(machine, { a: narrowed(a, rank - 1, first, second), b: narrowed(b, rank - 2, first, second), out: more, bias: undefined }); // prettier-ignore
      const added = (): string => activate('load1(at1(i)) + load0(at0(i))', activation, (v) => `STORE(PLACE, ${v});`);
      elementwise(machine, 'add', out, [more], () => added, `to itself ${activation}`);
    });
  } else registerProduct(machine, product);
}

/** Computes a product, in the way that its sizes and the adapter ask for. */
export function matrixProduct(machine: Machine, product: Product): void {
  const { a, b, out, bias, activation } = product;
  if (out.count === 0) return;
  const rank = out.shape.length;
  const inner = a.shape[rank - 1];
  if (inner === 0) {
    clearElements(machine, out);
    return;
  }
  if (![a, b, out].every((x) => isBindable(x, machine.limits))) {
    splitProduct(machine, product);
    return;
  }
  const chunks = Math.min(64, Math.floor(inner / 128));
  if (bias === undefined && activation === undefined && out.count <= 4096 && chunks >= 2 && inner % chunks === 0) {
    // Few long dot products: the inner dimension is cut into chunks, which make a batch of their own and are then added.
    const size = inner / chunks;
    const cut = (x: Operand, at: number): Operand => ({
      storage: x.storage,
      dtype: x.dtype,
      count: x.count,
      offset: x.offset,
      shape: [chunks, ...x.shape.map((n, i) => (i === at ? size : n))],
      strides: [size * x.strides[at], ...x.strides],
    });
    temporary(sumsOf(out), [chunks, ...out.shape], out, (parts) => {
      oneProduct(machine, { a: cut(a, rank - 1), b: cut(b, rank - 2), out: parts, bias });
      reduce(machine, 'sum', parts, out, [0]);
    });
  } else oneProduct(machine, product);
}

function oneProduct(machine: Machine, product: Product): void {
  const { out } = product;
  const large = out.shape[out.shape.length - 1] >= 16 && out.shape[out.shape.length - 2] >= 16;
  if (isSmall(product)) smallProduct(machine, product);
  else if (usesTiles(machine) && isFloat(out.dtype) && large) tiledProduct(machine, product);
  else registerProduct(machine, product);
}
