import type { Machine } from '../machine.ts';
import type { Program } from '../shader.ts';

/** A product as the tiled kernel sees it: out[row, column] = Σ a[row, k]·b[k, column], with bounds already words of the program. */
export interface TiledProduct {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  /** How many products there are; `which` counts them in the code below. */
  readonly count: number;
  /** Code before everything, once a thread. */
  readonly begin: string;
  /** Expressions of f32 for `row` and `k`, and for `k` and `column`, inside the bounds. */
  readonly a: string;
  readonly b: string;
  /** True where neighbouring threads should read along k, because that is how the operand lies. */
  readonly aAlongK: boolean;
  readonly bAlongK: boolean;
  /** Code that stores `value` at `row` and `column`. */
  readonly store: string;
}

const tile = 64;
const depth = 8;
const threads = 64;
const eight = [0, 1, 2, 3, 4, 5, 6, 7];

/**
 * Products in tiles of 64 by 64 that a workgroup keeps in its memory, 8 by 8 of them in the registers of a thread. Whatever the operands are,
 * matrices or the windows of an image, is in the two expressions that load an element.
 */
export function runTiled(program: Program, product: TiledProduct): void {
  const { rows, columns, inner, count, begin, a, b, aAlongK, bAlongK, store } = product;
  const [down, across] = [Math.ceil(rows / tile), Math.ceil(columns / tile)];
  const [M, N, K, D, A] = [rows, columns, inner, down, across].map((v) => program.word(v));
  const split = (alongK: boolean): string =>
    alongK ? `let kk = e % ${depth}; let place = e / ${depth};` : `let kk = e / ${tile}; let place = e % ${tile};`;
  program.runGroups(
    count * down * across,
    threads,
    `var<workgroup> left: array<f32, ${tile * depth}>;\nvar<workgroup> right: array<f32, ${tile * depth}>;`,
    `let which = group / (${D} * ${A});
  let firstRow = ((group / ${A}) % ${D}) * ${tile};
  let firstColumn = (group % ${A}) * ${tile};
  ${begin}
  ${eight.map((r) => `var s${r}_0 = vec4<f32>(); var s${r}_1 = vec4<f32>();`).join(' ')}
  let myRow = (local / 8) * 8;
  let myColumn = (local % 8) * 8;
  for (var first = 0; first < ${K}; first += ${depth}) {
    for (var e = local; e < ${tile * depth}; e += ${threads}) {
      { ${split(aAlongK)} let row = firstRow + place; let k = first + kk; var v = 0.0; if (row < ${M} && k < ${K}) { v = ${a}; } left[kk * ${tile} + place] = v; }
      { ${split(bAlongK)} let column = firstColumn + place; let k = first + kk; var v = 0.0; if (column < ${N} && k < ${K}) { v = ${b}; } right[kk * ${tile} + place] = v; }
    }
    workgroupBarrier();
    for (var kk = 0; kk < ${depth}; kk++) {
      let l = kk * ${tile} + myRow;
      let r = kk * ${tile} + myColumn;
      let q0 = vec4<f32>(right[r], right[r + 1], right[r + 2], right[r + 3]);
      let q1 = vec4<f32>(right[r + 4], right[r + 5], right[r + 6], right[r + 7]);
      ${eight.map((r) => `{ let v = left[l + ${r}]; s${r}_0 += v * q0; s${r}_1 += v * q1; }`).join('\n      ')}
    }
    workgroupBarrier();
  }
  var sums = array<vec4<f32>, 16>(${eight.flatMap((r) => [`s${r}_0`, `s${r}_1`]).join(', ')});
  for (var e = 0; e < 64; e++) {
    let row = firstRow + myRow + e / 8;
    let column = firstColumn + myColumn + e % 8;
    if (row < ${M} && column < ${N}) { let value = sums[e / 4][e % 4]; ${store} }
  }`,
  );
}

/** True where products are computed in tiles of workgroup memory. A software adapter has none to gain from. */
export const usesTiles = (machine: Machine): boolean => !machine.software;
