import { checkNumber, checkTensor } from '../checks.ts';
import { isFloat } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, ValueError, describe } from '../errors.ts';
import { valuesNow } from './reading.ts';
import { multinomialValues } from '../random/distributions.ts';
import { generatorOf, type Generator, type GeneratorOptions } from '../random/generator.ts';
import { showShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { readCall, type Call } from '../call.ts';
import { fromNumbers } from './data.ts';

// Distributions that fill a tensor in place, and draws by weight: PyTorch's numbers for the same seed.

/** Fills with numbers that `draw` makes of the generator one by one. */
function fillWith(op: string, x: Tensor, options: GeneratorOptions, draw: (generator: Generator) => number): Tensor {
  const generator = generatorOf(op, options.generator);
  const values = new Float64Array(x.count);
  for (let i = 0; i < values.length; i++) values[i] = draw(generator);
  return x.copy_(fromNumbers(values, x.shape, x.dtype, x.device));
}

function checkFloats(op: string, x: Tensor): void {
  checkTensor(op, 'the input', x);
  if (!isFloat(x.dtype)) throw new DTypeError({ op, expected: 'a float tensor', received: x.dtype });
}

/** Fills with Cauchy numbers: median + sigma·tan(π(u - 1/2)). */
export function cauchy_(x: Tensor, ...args: Call<GeneratorOptions & { median?: number; sigma?: number }, ['median', 'sigma']>): Tensor {
  const op = 'cauchy_';
  const all = readCall<GeneratorOptions & { median?: number; sigma?: number }>(op, args, ['median', 'sigma'], ['generator']);
  const [median, sigma] = [checkNumber(op, 'median', all.median ?? 0), checkNumber(op, 'sigma', all.sigma ?? 1)];
  checkFloats(op, x);
  if (!(sigma > 0)) throw new ValueError({ op, expected: 'a positive sigma', received: String(sigma) });
  return fillWith(op, x, all, (generator) => median + sigma * Math.tan(Math.PI * (generator.uniform53() - 0.5)));
}

/** Fills with numbers whose logarithm is normal, of mean `mean` and standard deviation `std`. */
export function logNormal_(x: Tensor, ...args: Call<GeneratorOptions & { mean?: number; std?: number }, ['mean', 'std']>): Tensor {
  const op = 'logNormal_';
  const all = readCall<GeneratorOptions & { mean?: number; std?: number }>(op, args, ['mean', 'std'], ['generator']);
  const [mean, std] = [checkNumber(op, 'mean', all.mean ?? 1), checkNumber(op, 'std', all.std ?? 2)];
  checkFloats(op, x);
  if (!(std > 0)) throw new ValueError({ op, expected: 'a positive std', received: String(std) });
  return fillWith(op, x, all, (generator) => Math.exp(generator.normal() * std + mean));
}

/** Fills with the number of trials up to the first success, each of probability p. */
export function geometric_(x: Tensor, ...args: Call<GeneratorOptions & { p: number }, ['p']>): Tensor {
  const op = 'geometric_';
  const all = readCall<GeneratorOptions & { p: number }>(op, args, ['p'], ['generator']);
  const p = checkNumber(op, 'p', all.p);
  checkTensor(op, 'the input', x);
  if (!(p > 0 && p < 1)) throw new ValueError({ op, expected: 'a probability between 0 and 1', received: String(p) });
  return fillWith(op, x, all, (generator) => Math.ceil(Math.log(generator.uniform53()) / Math.log(1 - p)));
}

/** Arguments of `multinomial`. */
export interface MultinomialOptions extends GeneratorOptions {
  /** How many indices are drawn, of each row. */
  numSamples: number;
  /** Whether an index may come twice. */
  replacement?: boolean;
}

/**
 * Indices drawn with the weights of a vector, or of each row of a matrix. Reads the weights.
 * @param x - shape [n] or [rows, n]; the weights need not sum to 1
 * @returns int32, shape [numSamples] or [rows, numSamples]
 * @throws ValueError for weights that are negative, not finite or all zero, or fewer than numSamples without replacement
 */
export function multinomial(x: Tensor, ...args: Call<MultinomialOptions, ['numSamples', 'replacement']>): Tensor {
  const op = 'multinomial';
  checkFloats(op, x);
  const { numSamples, replacement = false, generator } = readCall<MultinomialOptions>(op, args, ['numSamples', 'replacement'], ['generator']); // prettier-ignore
  if (!Number.isInteger(numSamples) || numSamples < 1)
    throw new ArgumentError({ op, expected: 'numSamples to be a positive integer', received: describe(numSamples) });
  if (x.ndim < 1 || x.ndim > 2 || x.shape[x.ndim - 1] === 0)
    throw new ShapeError({ op, expected: 'weights of shape [n] or [rows, n]', received: showShape(x.shape) });
  const n = x.shape[x.ndim - 1];
  const rows = x.ndim === 1 ? 1 : x.shape[0];
  const weights = Float64Array.from(valuesNow(op, x), Number);
  const all = Array.from({ length: rows }, (_, row) => weights.slice(row * n, (row + 1) * n));
  for (const row of all) {
    const chosen = row.filter((w) => w > 0).length;
    if (!row.every((w) => w >= 0 && w < Infinity) || chosen === 0)
      throw new ValueError({ op, expected: 'weights that are finite, not negative, and not all zero', received: describe([...row]) });
    if (!replacement && chosen < numSamples)
      throw new ValueError({
        op,
        expected: `at least ${numSamples} weights that are not zero, or replacement`,
        received: String(chosen),
      });
  }
  const drawn = multinomialRows(all, numSamples, replacement, generatorOf(op, generator));
  return fromNumbers(drawn, x.ndim === 1 ? [numSamples] : [rows, numSamples], 'int32', x.device);
}

function multinomialRows(rows: readonly Float64Array[], count: number, replacement: boolean, generator: Generator): number[] {
  return rows.flatMap((row) => [...multinomialValues(row, count, replacement, generator)]);
}
