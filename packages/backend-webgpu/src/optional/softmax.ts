import { whoAsks, type Operand, type OptionalKernel } from '@flambeau/core';
import { temporary } from '../kernels/elementwise.ts';
import { runRows } from '../kernels/rows.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { arePlain, isPlain, isRowMajor } from './operands.ts';

interface CrossEntropyAttrs {
  readonly reduction: 'mean' | 'sum';
  readonly ignoreIndex: number;
}

const sum = (a: string, b: string): string => `${a} + ${b}`;
const larger = (a: string, b: string): string => `maxF(${a}, ${b})`;
/** Infinities and NaN have no probabilities; an adapter's own exponential may take the NaN of ∞ - ∞ for a number. */
const unlikeNumbers = 'if (isInf(peak) || isNan(peak)) { total = nan(); }';
const isLabels = (x: Operand): boolean => x.dtype === 'int32' && isRowMajor(x) && x.count > 0;

/** Softmax and logSoftmax along any dimension, cross-entropy of classes, and their gradients: each row is read in one dispatch. */
export function softmaxKernels(machine: Machine): Record<string, OptionalKernel> {
  /** A softmax (one input) or its gradient (two). */
  const along = (
    name: string,
    body: (each: (code: string) => string, share: (v: string, how: typeof sum) => string) => string,
  ): OptionalKernel => ({
    accepts: arePlain,
    run(inputs, [out], attrs) {
      const { dim } = attrs as { readonly dim: number };
      const n = out.shape[dim];
      const inner = out.shape.slice(dim + 1).reduce((product, size) => product * size, 1);
      const program = new Program(machine, name);
      inputs.forEach((x) => program.operand(x));
      program.operand(out, true);
      const [step, first, second] = [program.word(inner), program.word(inputs[0].offset), program.word(inputs.at(1)?.offset ?? 0)];
      const length = program.word(n);
      runRows(program, machine, out.count / n, n, 'f32', (code) => `let base = (row / ${step}) * ${step} * ${length} + row % ${step};
  ${body(code.each, code.share).replaceAll('FIRST', `load0(base + k * ${step} + ${first})`).replaceAll('SECOND', `load1(base + k * ${step} + ${second})`).replaceAll('PUT', `store${inputs.length}`).replaceAll('HERE', `base + k * ${step}`)}`); // prettier-ignore
    },
  });

  const forward =
    (result: string): Parameters<typeof along>[1] =>
    (each, share) =>
      `var peak = -inf();
  ${each('peak = maxF(peak, FIRST);')}
  ${share('peak', larger)}
  var total = 0.0;
  ${each('total += exp(FIRST - peak);')}
  ${share('total', sum)}
  ${unlikeNumbers}
  ${each(`PUT(HERE, ${result});`)}`;
  const backward =
    (term: string, result: string): Parameters<typeof along>[1] =>
    (each, share) =>
      `var total = 0.0;
  ${each(`total += ${term};`)}
  ${share('total', sum)}
  ${each(`PUT(HERE, ${result});`)}`;

  const crossEntropy: OptionalKernel = {
    accepts: ([x, target]) => isPlain(x) && x.count > 0 && isLabels(target),
    run([x, target], [loss, logProbabilities], attrs) {
      const { reduction, ignoreIndex } = attrs as CrossEntropyAttrs;
      const [rows, classes] = x.shape;
      // The loss of each row, then 1 for each that counts.
      temporary('float32', [2, rows], x, (terms) => {
        const program = new Program(machine, 'crossEntropy');
        [x, target].forEach((operand) => program.operand(operand));
        [logProbabilities, terms].forEach((operand) => program.operand(operand, true));
        const [at, targetAt] = [program.word(x.offset), program.word(target.offset)];
        const [n, m, ignore] = [program.word(classes), program.word(rows), program.word(ignoreIndex)];
        const code = program.complaint({ kind: 'index', op: 'crossEntropy', expected: `classes in [0, ${classes - 1}]`, ...whoAsks() });
        runRows(program, machine, rows, classes, 'f32', ({ each, share, once }) => `let base = row * ${n};
  var peak = -inf();
  ${each(`peak = maxF(peak, load0(base + k + ${at}));`)}
  ${share('peak', larger)}
  var total = 0.0;
  ${each(`total += exp(load0(base + k + ${at}) - peak);`)}
  ${share('total', sum)}
  ${unlikeNumbers}
  let shift = peak + log_(total);
  ${each(`store2(base + k, load0(base + k + ${at}) - shift);`)}
  ${once(`let label = load1(row + ${targetAt});
  var term = 0.0;
  let counts = label != ${ignore};
  if (counts) { if (label < 0 || label >= ${n}) { complain(${code}, label); } else { term = shift - load0(base + label + ${at}); } }
  store3(row, term); store3(${m} + row, select(0.0, 1.0, counts));`)}`); // prettier-ignore
        const finish = new Program(machine, 'crossEntropyTotal');
        finish.operand(terms);
        finish.operand(loss, true);
        const counted = finish.word(rows);
        runRows(finish, machine, 1, rows, 'f32', ({ each, share, once }) => `var total = 0.0;
  var count = 0.0;
  ${each(`total += load0(k); count += load0(${counted} + k);`)}
  ${share('total', sum)}
  ${share('count', sum)}
  ${once(`store1(0, total${reduction === 'mean' ? ' / count' : ''});`)}`); // prettier-ignore
      });
    },
  };

  const crossEntropyGrad: OptionalKernel = {
    accepts: ([g, target, logProbabilities]) =>
      g.dtype === 'float32' && g.count === 1 && isLabels(target) && isPlain(logProbabilities) && logProbabilities.count > 0,
    run([g, target, logProbabilities], [out], attrs) {
      const { reduction, ignoreIndex } = attrs as CrossEntropyAttrs;
      const [rows, classes] = logProbabilities.shape;
      temporary('float32', [1], out, (factor) => {
        const count = new Program(machine, 'crossEntropyScale');
        [g, target].forEach((operand) => count.operand(operand));
        count.operand(factor, true);
        const [gAt, targetAt, ignore] = [count.word(g.offset), count.word(target.offset), count.word(ignoreIndex)];
        runRows(count, machine, 1, reduction === 'mean' ? rows : 0, 'f32', ({ each, share, once }) => `var count = 0.0;
  ${each(`count += select(0.0, 1.0, load1(k + ${targetAt}) != ${ignore});`)}
  ${share('count', sum)}
  ${once(`store2(0, load0(${gAt})${reduction === 'mean' ? ' / count' : ''});`)}`); // prettier-ignore
        const program = new Program(machine, 'crossEntropyGrad');
        [factor, target, logProbabilities].forEach((operand) => program.operand(operand));
        program.operand(out, true);
        const [n, first, logsAt, left] = [classes, target.offset, logProbabilities.offset, ignoreIndex].map((v) => program.word(v));
        program.run(
          out.count,
          `let label = load1(i / ${n} + ${first});
  var value = 0.0;
  if (label != ${left}) { value = (exp_(load2(i + ${logsAt})) - select(0.0, 1.0, label == i % ${n})) * load0(0); }
  store3(i, value);`,
        );
      });
    },
  };

  return {
    softmax: along('softmax', forward('exp(FIRST - peak) / total')),
    logSoftmax: along('logSoftmax', forward('FIRST - peak - log_(total)')),
    softmaxGrad: along('softmaxGrad', backward('FIRST * SECOND', 'SECOND * (FIRST - total)')),
    logSoftmaxGrad: along('logSoftmaxGrad', backward('FIRST', 'FIRST - exp_(SECOND) * total')),
    crossEntropy,
    crossEntropyGrad,
  };
}
