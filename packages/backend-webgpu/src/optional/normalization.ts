import type { Operand, OptionalKernel } from '@flambeau/core';
import { temporary } from '../kernels/elementwise.ts';
import { reduce } from '../kernels/reduction.ts';
import { runRows } from '../kernels/rows.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { arePlain, reshaped } from './operands.ts';

const sum = (a: string, b: string): string => `${a} + ${b}`;

/** Binds inputs and outputs in order. @returns for each input the word of its offset */
function bind(program: Program, inputs: readonly Operand[], outputs: readonly Operand[]): string[] {
  inputs.forEach((x) => program.operand(x));
  outputs.forEach((x) => program.operand(x, true));
  return inputs.map((x) => program.word(x.offset));
}

/** Layer normalization over the last dimensions, batch normalization over all but the channels, and their gradients. */
export function normalizationKernels(machine: Machine): Record<string, OptionalKernel> {
  const layerNorm: OptionalKernel = {
    accepts: arePlain,
    run(inputs, outputs, attrs) {
      const [x, weight, bias] = inputs;
      const rows = outputs[1].count;
      const program = new Program(machine, 'layerNorm');
      const at = bind(program, inputs, outputs);
      const put = (k: number): string => `store${inputs.length + k}`;
      const [n, count, eps] = [program.word(x.count / rows), program.float(x.count / rows), program.float((attrs as { eps: number }).eps)];
      const scaled = weight === undefined ? '' : ` * load1(k + ${at[1]})`;
      const moved = bias === undefined ? '' : ` + load2(k + ${at[2]})`;
      runRows(program, machine, rows, x.count / rows, 'f32', ({ each, share, once }) => `let base = row * ${n};
  var total = 0.0;
  ${each(`total += load0(base + k + ${at[0]});`)}
  ${share('total', sum)}
  let mean = total / ${count};
  var squares = 0.0;
  ${each(`let d = load0(base + k + ${at[0]}) - mean; squares += d * d;`)}
  ${share('squares', sum)}
  let rstd = 1.0 / sqrt(squares / ${count} + ${eps});
  ${each(`${put(0)}(base + k, (load0(base + k + ${at[0]}) - mean) * rstd${scaled}${moved});`)}
  ${once(`${put(1)}(row, mean); ${put(2)}(row, rstd);`)}`); // prettier-ignore
    },
  };

  const layerNormGrad: OptionalKernel = {
    accepts: arePlain,
    run(inputs, outputs) {
      const [, x, mean, , weight] = inputs;
      const [rows, n] = [mean.count, x.count / mean.count];
      const program = new Program(machine, 'layerNormGrad');
      const at = bind(program, inputs, [outputs[0]]);
      const [size, count] = [program.word(n), program.float(n)];
      const g = `load0(base + k + ${at[0]})${weight === undefined ? '' : ` * load4(k + ${at[4]})`}`;
      runRows(program, machine, rows, n, 'f32', ({ each, share }) => `let base = row * ${size};
  let mean = load2(row + ${at[2]}); let rstd = load3(row + ${at[3]});
  var first = 0.0; var second = 0.0;
  ${each(`let h = ${g}; first += h; second += h * (load1(base + k + ${at[1]}) - mean) * rstd;`)}
  ${share('first', sum)}
  ${share('second', sum)}
  ${each(`let h = ${g}; let z = (load1(base + k + ${at[1]}) - mean) * rstd; store${inputs.length}(base + k, rstd * (h - first / ${count} - z * second / ${count}));`)}`); // prettier-ignore
      if (weight === undefined) return;
      // Σ g·z and Σ g over the rows, in chunks of them that are then added.
      const chunks = Math.max(1, Math.min(64, Math.floor(rows / 32)));
      const terms = outputs.length - 1;
      temporary('float32', [terms, chunks, n], x, (parts) => {
        const columns = new Program(machine, 'layerNormWeightGrad');
        const places = bind(columns, inputs.slice(0, 4), [parts]);
        const [width, span, all] = [columns.word(n), columns.word(Math.ceil(rows / chunks)), columns.word(rows)];
        columns.run(
          chunks * n,
          `let k = i % ${width};
  let begin = (i / ${width}) * ${span};
  var first = 0.0; var second = 0.0;
  for (var row = begin; row < min(begin + ${span}, ${all}); row++) {
    let g = load0(row * ${width} + k + ${places[0]});
    first += g * (load1(row * ${width} + k + ${places[1]}) - load2(row + ${places[2]})) * load3(row + ${places[3]});
    second += g;
  }
  store4(i, first);${terms > 1 ? ` store4(${columns.word(chunks * n)} + i, second);` : ''}`,
        );
        outputs.slice(1).forEach((out, j) => {
          const part = {
            ...reshaped(parts, [terms, chunks, n]),
            shape: [chunks, n],
            strides: [n, 1],
            offset: j * chunks * n,
            count: chunks * n,
          };
          reduce(machine, 'sum', part, reshaped(out, [1, n]), [0]);
        });
      });
    },
  };

  /** How channel `row` of [N, C, ...S] is walked: element k of its N·S lies at `place`. */
  const channels = (program: Program, x: Operand): { length: number; place: string } => {
    const [batch, count] = x.shape;
    const inner = x.count / (batch * count);
    const [s, c] = [program.word(inner), program.word(count)];
    return { length: batch * inner, place: `((k / ${s}) * ${c} + row) * ${s} + k % ${s}` };
  };

  const batchNorm: OptionalKernel = {
    accepts: arePlain,
    run(inputs, outputs, attrs) {
      const { eps, weight, bias } = attrs as { eps: number; weight: boolean; bias: boolean };
      const [x] = inputs;
      const program = new Program(machine, 'batchNorm');
      const at = bind(program, inputs, outputs);
      const { length, place } = channels(program, x);
      const [count, small] = [program.float(length), program.float(eps)];
      const put = (k: number): string => `store${inputs.length + k}`;
      const load = `load0(${place} + ${at[0]})`;
      runRows(program, machine, x.shape[1], length, 'f32', ({ each, share, once }) => `var total = 0.0;
  ${each(`total += ${load};`)}
  ${share('total', sum)}
  let mean = total / ${count};
  var squares = 0.0;
  ${each(`let d = ${load} - mean; squares += d * d;`)}
  ${share('squares', sum)}
  let variance = squares / ${count};
  let scale = ${weight ? `load1(row + ${at[1]})` : '1.0'} / sqrt(variance + ${small});
  let shift = ${bias ? `load${inputs.length - 1}(row + ${at[inputs.length - 1]})` : '0.0'};
  ${each(`${put(0)}(${place}, (${load} - mean) * scale + shift);`)}
  ${once(`${put(1)}(row, mean); ${put(2)}(row, variance);`)}`); // prettier-ignore
    },
  };

  const batchNormGrad: OptionalKernel = {
    accepts: arePlain,
    run(inputs, outputs, attrs) {
      const { eps, weight, bias } = attrs as { eps: number; weight: boolean; bias: boolean };
      const [, x] = inputs;
      const program = new Program(machine, 'batchNormGrad');
      const at = bind(program, inputs, outputs);
      const { length, place } = channels(program, x);
      const [count, small] = [program.float(length), program.float(eps)];
      const put = (k: number): string => `store${inputs.length + k}`;
      runRows(program, machine, x.shape[1], length, 'f32', ({ each, share, once }) => `let mean = load2(row + ${at[2]});
  let r = 1.0 / sqrt(load3(row + ${at[3]}) + ${small});
  var first = 0.0; var second = 0.0;
  ${each(`let g = load0(${place} + ${at[0]}); first += g; second += g * (load1(${place} + ${at[1]}) - mean) * r;`)}
  ${share('first', sum)}
  ${share('second', sum)}
  let scale = r${inputs.length > 4 ? ` * load4(row + ${at[4]})` : ''};
  ${each(`let z = (load1(${place} + ${at[1]}) - mean) * r; ${put(0)}(${place}, scale * (load0(${place} + ${at[0]}) - first / ${count} - z * second / ${count}));`)}
  ${once(`${weight ? `${put(1)}(row, second);` : ''} ${bias ? `${put(weight ? 2 : 1)}(row, first);` : ''}`)}`); // prettier-ignore
    },
  };

  return { layerNorm, layerNormGrad, batchNorm, batchNormGrad };
}
