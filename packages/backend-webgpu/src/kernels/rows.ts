import type { Machine } from '../machine.ts';
import type { Program } from '../shader.ts';
import type { RegisterType } from '../wgsl.ts';

/** How a kernel over rows says what one row does, whether one thread takes it or a workgroup shares it. */
export interface RowCode {
  /** A loop over the row's elements `k`. */
  each(body: string): string;
  /** Combines the values that the threads of the row have found, so that each has the whole. */
  share(variable: string, combine: (a: string, b: string) => string): string;
  /** Code that one thread of the row runs. */
  once(code: string): string;
}

/** Work of another kind in the same dispatch: `count` threads of their own, which are `at`. */
export interface Beside {
  readonly count: number;
  code(at: string): string;
}

/** Threads that share a row: on a real GPU as many as its hardware runs together, on a software adapter one. */
const width = 64;

/**
 * Runs a body for each row, which is `row`, of `length` elements. With `way` as for `Program.run`, the body is written only for a new program.
 * What runs `beside` follows the rows.
 */
export function runRows(
  program: Program,
  machine: Machine,
  rows: number,
  length: number,
  type: RegisterType,
  body: (code: RowCode) => string,
  way = '',
  beside?: Beside,
): void {
  const n = program.word(length);
  const [all, more] = beside === undefined ? ['', ''] : [program.word(rows), program.word(beside.count)];
  if (machine.software || length < width / 2) {
    const alone: RowCode = {
      each: (code) => `for (var k = 0; k < ${n}; k++) { ${code} }`,
      share: () => '',
      once: (code) => code,
    };
    const others = (): string => (beside === undefined ? '' : `if (i >= ${all}) { ${beside.code(`(i - ${all})`)} return; }\n  `);
    const text = (): string => `${others()}let row = i;\n  ${body(alone)}`;
    program.run(rows + (beside?.count ?? 0), way === '' ? text() : text, way);
    return;
  }
  const together: RowCode = {
    each: (code) => `for (var k = local; k < ${n}; k += ${width}) { ${code} }`,
    share: (variable, combine) => `between[local] = ${variable};
  workgroupBarrier();
  for (var s = ${width / 2}; s > 0; s >>= 1u) {
    if (local < s) { between[local] = ${combine('between[local]', 'between[local + s]')}; }
    workgroupBarrier();
  }
  ${variable} = between[0];
  workgroupBarrier();`,
    once: (code) => `if (local == 0) { ${code} }`,
  };
  const others = (): string =>
    beside === undefined
      ? ''
      : `if (group >= ${all}) { let at = (group - ${all}) * ${width} + local; if (at < ${more}) { ${beside.code('at')} } return; }\n  `;
  const text = (): string => `${others()}let row = group;\n  ${body(together)}`;
  const groups = rows + Math.ceil((beside?.count ?? 0) / width);
  program.runGroups(groups, width, `var<workgroup> between: array<${type}, ${width}>;`, way === '' ? text() : text, way);
}
