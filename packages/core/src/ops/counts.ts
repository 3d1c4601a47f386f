import { checkFloat, checkSameDType } from '../checks.ts';
import { ValueError } from '../errors.ts';
import { valuesNow } from './reading.ts';
import { binomialValue, poissonValue } from '../random/counts.ts';
import { readGenerator, type GeneratorOptions } from '../random/generator.ts';
import { broadcastShapes } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { fromNumbers } from './data.ts';
import { expandTo } from './views.ts';

// Random counts of events: PyTorch's numbers for the same seed. They read their arguments, and have no gradient.

/**
 * The number of events of Poisson processes.
 * @param x - how many events there are on average, any shape, not negative
 * @returns the shape and dtype of x
 * @throws ValueError for a rate that is negative or not finite, DTypeError for integers, AsyncOnlyError
 */
export function poisson(x: Tensor, options?: GeneratorOptions): Tensor {
  const op = 'poisson';
  const rates = Float64Array.from(valuesNow(op, checkFloat(op, x)), Number);
  const generator = readGenerator(op, options);
  const wrong = rates.find((rate) => !(rate >= 0 && rate < Infinity));
  if (wrong !== undefined) throw new ValueError({ op, expected: 'rates that are finite and not negative', received: String(wrong) });
  return fromNumbers(rates.map((rate) => poissonValue(rate, generator)), x.shape, x.dtype, x.device); // prettier-ignore
}

/**
 * The number of successes in independent trials.
 * @param count - how many trials, whole numbers in a float tensor
 * @param prob - the probability of a success; broadcasts with the counts
 * @returns the broadcast shape
 * @throws ValueError for counts that are negative or not whole, and for probabilities outside [0, 1]; DTypeError; AsyncOnlyError
 */
export function binomial(count: Tensor, prob: Tensor, options?: GeneratorOptions): Tensor {
  const op = 'binomial';
  checkSameDType(op, checkFloat(op, count), prob);
  const shape = broadcastShapes(op, count.shape, prob.shape);
  const [counts, chances] = [count, prob].map((x) => Float64Array.from(valuesNow(op, expandTo(x, shape)), Number));
  const generator = readGenerator(op, options);
  const wrongCount = counts.find((n) => !(n >= 0 && Number.isInteger(n)));
  if (wrongCount !== undefined)
    throw new ValueError({ op, expected: 'counts that are whole and not negative', received: String(wrongCount) });
  const wrongChance = chances.find((p) => !(p >= 0 && p <= 1));
  if (wrongChance !== undefined) throw new ValueError({ op, expected: 'probabilities between 0 and 1', received: String(wrongChance) });
  return fromNumbers(counts.map((n, i) => binomialValue(n, chances[i], generator)), shape, count.dtype, count.device); // prettier-ignore
}
