import { readCall, type Call } from '../call.ts';
import { checkTensor, checkInput, checkInteger } from '../checks.ts';
import { isFloat } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, ValueError, describe } from '../errors.ts';
import { valuesNow } from './reading.ts';
import { normalizeDim, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { newInt32 } from './data.ts';
import { indexSelect } from './gather.ts';
import { reshape } from './views.ts';

/** The tensor repeated along each dimension; new dimensions come first. */
export function repeat(x: Tensor, ...repeats: (number | readonly number[])[]): Tensor {
  checkInput('repeat', x);
  const times = repeats.length === 1 && Array.isArray(repeats[0]) ? [...(repeats[0] as number[])] : (repeats as number[]);
  if (times.length < x.ndim || times.some((n) => !Number.isInteger(n) || n < 0)) {
    throw new ShapeError({ op: 'repeat', expected: `at least ${x.ndim} non-negative counts`, received: describe(times) });
  }
  const padded = [...times.slice(x.ndim).map(() => 1), ...x.shape];
  const paired = padded.flatMap((n) => [1, n]);
  const expanded = padded.flatMap((n, i) => [times[i], n]);
  return reshape(reshape(x, paired).expand(expanded), padded.map((n, i) => n * times[i])); // prettier-ignore
}

/** `repeat` that takes fewer counts than dimensions. */
export function tile(x: Tensor, ...dims: (number | readonly number[])[]): Tensor {
  checkInput('tile', x);
  const times = dims.length === 1 && Array.isArray(dims[0]) ? [...(dims[0] as number[])] : (dims as number[]);
  return repeat(x, [...new Array<number>(Math.max(0, x.ndim - times.length)).fill(1), ...times]);
}

/** Arguments of `repeatInterleave`. */
export interface RepeatInterleaveOptions {
  /** How often each element comes: one number for all, or integers for each. */
  repeats: number | Tensor;
  /** Without it, the tensor is flattened. */
  dim?: number | null;
  /** The size of the result, which saves nothing here; it is checked. */
  outputSize?: number | null;
}

/** Which slice stands at each place of the result. */
function interleaved(
  op: string,
  counts: ArrayLike<number | bigint>,
  size: number,
  all: Omit<RepeatInterleaveOptions, 'repeats'>,
): Int32Array {
  const list = Array.from(counts, Number);
  if (list.some((count) => count < 0)) throw new ValueError({ op, expected: 'repeats that are not negative', received: describe(list) });
  if (list.length !== size && list.length !== 1)
    throw new ShapeError({ op, expected: `one number of repeats, or one for each of ${size} slices`, received: String(list.length) });
  const index = Array.from({ length: size }, (_, i) => new Array<number>(list.length === 1 ? list[0] : list[i]).fill(i)).flat();
  if (typeof all.outputSize === 'number' && all.outputSize !== index.length)
    throw new ArgumentError({ op, expected: `an outputSize of ${index.length}`, received: String(all.outputSize) });
  return Int32Array.from(index);
}

function checkRepeats(op: string, repeats: Tensor): void {
  if (isFloat(checkTensor(op, 'repeats', repeats).dtype) || repeats.dtype === 'bool')
    throw new DTypeError({ op, expected: 'integer repeats', received: repeats.dtype });
  if (repeats.ndim > 1) throw new ShapeError({ op, expected: 'repeats of at most one dimension', received: showShape(repeats.shape) });
}

/** The arguments of a call. Where counts come as a tensor, or `x` itself counts, they are still to be read. */
function readRepeats(op: string, x: Tensor, args: readonly unknown[]): { all: RepeatInterleaveOptions; counts: Tensor | undefined } {
  checkInput(op, x);
  const all = readCall<RepeatInterleaveOptions>(op, args, ['repeats', 'dim'], ['outputSize']);
  const counts = all.repeats === undefined ? x : all.repeats instanceof Tensor ? all.repeats : undefined;
  if (counts !== undefined) checkRepeats(op, counts);
  return { all, counts };
}

const flattened = (x: Tensor, dim: number | null | undefined): Tensor => (dim === undefined || dim === null ? reshape(x, -1) : x);

/** The result for counts that were read. */
function repeatByCounts(op: string, x: Tensor, all: RepeatInterleaveOptions, counts: ArrayLike<number | bigint>): Tensor {
  if (all.repeats === undefined) return newInt32(x, interleaved(op, counts, x.count, all));
  const flat = flattened(x, all.dim);
  const dim = normalizeDim(op, all.dim ?? 0, flat.ndim);
  return indexSelect(flat, dim, newInt32(x, interleaved(op, counts, flat.ndim === 0 ? 1 : flat.shape[dim], all)));
}

/** The result for one number of repeats, whose shape is known. */
function repeatByNumber(op: string, x: Tensor, { repeats, dim }: RepeatInterleaveOptions): Tensor {
  const n = checkInteger(op, 'repeats', repeats, 0);
  const flat = flattened(x, dim);
  const d = normalizeDim(op, dim ?? 0, flat.ndim);
  const spread = flat.ndim === 0 ? reshape(flat, 1) : flat;
  const { shape } = spread;
  const wide = spread.unsqueeze(d + 1).expand([...shape.slice(0, d + 1), n, ...shape.slice(d + 1)]);
  return reshape(wide, shape.map((length, i) => (i === d ? length * n : length))); // prettier-ignore
}

/**
 * Each element (or slice of `dim`) several times in a row. A tensor of counts alone gives the indices: [2, 1] gives 0, 0, 1.
 * @throws AsyncOnlyError for tensor repeats on a device that only reads asynchronously; use `repeatInterleaveAsync`
 */
export function repeatInterleave(x: Tensor, ...args: Call<RepeatInterleaveOptions, ['repeats', 'dim']> | []): Tensor {
  const op = 'repeatInterleave';
  const { all, counts } = readRepeats(op, x, args);
  return counts === undefined
    ? repeatByNumber(op, x, all)
    : repeatByCounts(op, x, all, valuesNow(op, counts, 'Use await x.repeatInterleaveAsync(repeats).'));
}

/** The promise of `repeatInterleave`, on every device. */
export async function repeatInterleaveAsync(x: Tensor, ...args: Call<RepeatInterleaveOptions, ['repeats', 'dim']> | []): Promise<Tensor> {
  const op = 'repeatInterleave';
  const { all, counts } = readRepeats(op, x, args);
  return counts === undefined ? repeatByNumber(op, x, all) : repeatByCounts(op, x, all, await counts.readData());
}
