import { readCall, type Call } from '../call.ts';
import { checkInput, checkNumber, checkTensor } from '../checks.ts';
import { deviceOf, getDefaultDevice } from '../device.ts';
import { allocate } from '../dispatch.ts';
import { checkDType, isFloat, type DType } from '../dtype.ts';
import { ArgumentError, DTypeError, ValueError, describe } from '../errors.ts';
import {
  bernoulliValues,
  exponentialValues,
  integerValues,
  normalValues,
  permutationValues,
  randomRange,
  uniformValues,
} from '../random/distributions.ts';
import { defaultGenerator, generatorOf, readGenerator, type Generator, type GeneratorOptions } from '../random/generator.ts';
import type { Device, RandomName } from '../seam.ts';
import { broadcastShapes, checkShape, numel, type Shape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { creationKeywords } from './keywords.ts';
import { asLeaf, checkOptions, sizeArguments, type TensorOptions } from './creation.ts';
import { fromBytes, fromNumbers } from './data.ts';

/** Options of random functions. */
export interface RandomOptions extends TensorOptions, GeneratorOptions {}

const randomKeywords = [...creationKeywords, 'generator'];

/** Standard uniform or normal numbers where they are needed: from PyTorch's stream, or by the device from a key drawn from it. */
function standard(name: RandomName, shape: Shape, dtype: DType, device: Device, generator: Generator): Tensor {
  if (!isFloat(dtype))
    throw new DTypeError({
      op: name === 'uniform' ? 'rand' : 'randn',
      expected: 'a float dtype',
      received: dtype,
      hint: 'Use randint for integers.',
    });
  if (device.randomSource === 'device') {
    const out = allocate(device, shape, 'float32', name);
    device.kernels.random(name, out, [generator.draw32(), generator.draw32()]);
    return out.to(dtype);
  }
  const count = numel(shape);
  const values = name === 'uniform' ? uniformValues(count, dtype, generator) : normalValues(count, dtype, generator);
  return fromNumbers(values, shape, dtype, device);
}

function make(op: string, name: RandomName, args: readonly (number | Shape | RandomOptions)[]): Tensor {
  const [shape, options] = sizeArguments(op, args) as [number[], RandomOptions];
  const dtype = checkDType(op, options.dtype ?? 'float32');
  return asLeaf(standard(name, shape, dtype, deviceOf(op, options), generatorOf(op, options.generator)), options);
}

/** Uniform numbers in [0, 1). */
export const rand = (...size: (number | Shape | RandomOptions)[]): Tensor => make('rand', 'uniform', size);
/** Normal numbers of mean 0 and variance 1. */
export const randn = (...size: (number | Shape | RandomOptions)[]): Tensor => make('randn', 'normal', size);
/** `rand` with the shape, dtype and device of a tensor. */
export const randLike = (x: Tensor, options?: RandomOptions): Tensor =>
  rand(checkInput('randLike', x).shape, { dtype: x.dtype, device: x.device, ...options });
/** `randn` with the shape, dtype and device of a tensor. */
export const randnLike = (x: Tensor, options?: RandomOptions): Tensor =>
  randn(checkInput('randnLike', x).shape, { dtype: x.dtype, device: x.device, ...options });

/** What `randint` takes in its options: everything that may be given positionally may be given here. */
export interface RandintOptions extends RandomOptions {
  /** The smallest integer that is drawn; 0 by default. */
  low?: number;
  /** The bound above, which is never drawn. */
  high?: number;
  /** The shape of the result. */
  size?: Shape;
}

/**
 * Integers in [low, high): `randint(10, [3])`, `randint(5, 10, [3])`. int32 unless `dtype` says otherwise.
 * @throws ArgumentError when the range is empty.
 */
export function randint(...args: (number | Shape | RandintOptions)[]): Tensor {
  const op = 'randint';
  const named = args.length > 0 && !Array.isArray(args.at(-1)) && typeof args.at(-1) === 'object';
  const { low, high, size, ...options } = (named ? (args.at(-1) ?? {}) : {}) as RandintOptions;
  checkOptions(op, options);
  const given: unknown[] = named ? args.slice(0, -1) : [...args];
  const shape = checkShape(op, size ?? given.pop());
  const bounds = [...given, ...[low, high].filter((v) => v !== undefined)];
  const [from, to] = bounds.length === 1 ? [0, bounds[0]] : bounds;
  return integers(op, from, to, bounds.length, shape, options);
}

/** Integers in [0, high) or [low, high) with the shape, dtype and device of a tensor. */
export function randintLike(x: Tensor, ...args: Call<RandintOptions, ['low', 'high']>): Tensor {
  const op = 'randintLike';
  checkTensor(op, 'the input', x);
  const { low, high, ...options } = readCall<RandintOptions>(op, args, ['low', 'high'], randomKeywords);
  const bounds = [low, high].filter((v) => v !== undefined);
  const [from, to] = bounds.length === 1 ? [0, bounds[0]] : bounds;
  return integers(op, from, to, bounds.length, x.shape, { dtype: x.dtype, device: x.device, ...options });
}

function integers(op: string, from: unknown, to: unknown, bounds: number, shape: Shape, options: RandomOptions): Tensor {
  if (bounds > 2 || !Number.isSafeInteger(from) || !Number.isSafeInteger(to) || (from as number) >= (to as number))
    throw new ArgumentError({ op, expected: 'integers low < high', received: `${describe(from)} and ${describe(to)}` });
  const values = integerValues(numel(shape), generatorOf(op, options.generator), from as number, to as number);
  return asLeaf(fromNumbers(values, shape, checkDType(op, options.dtype ?? 'int32'), deviceOf(op, options)), options);
}

/** The integers 0 to n - 1 in random order, int32. */
export function randperm(n: number, options: RandomOptions = {}): Tensor {
  readCall<RandomOptions>('randperm', [options], [], randomKeywords);
  if (!Number.isInteger(n) || n < 0) throw new ArgumentError({ op: 'randperm', expected: 'a non-negative integer', received: describe(n) });
  const order = permutationValues(n, generatorOf('randperm', options?.generator));
  const device = deviceOf('randperm', options);
  const made = fromBytes(new Uint8Array(order.buffer), [n], 'int32', device, 'randperm');
  return made.to(checkDType('randperm', options.dtype ?? 'int32'));
}

/** Normal numbers with given means and standard deviations: tensors that broadcast, or numbers with a size. */
export function normal(mean: Tensor | number, std: Tensor | number = 1, size?: Shape, options: RandomOptions = {}): Tensor {
  const generator = generatorOf('normal', options?.generator);
  for (const deviation of [std]) {
    if (typeof deviation === 'number' && !(deviation >= 0))
      throw new ValueError({ op: 'normal', expected: 'std >= 0', received: String(deviation) });
  }
  for (const value of [mean, std]) if (!(value instanceof Tensor)) checkNumber('normal', 'mean and std', value);
  const tensors = [mean, std].filter((v): v is Tensor => v instanceof Tensor);
  if (tensors.length === 0) {
    if (size === undefined || size === null)
      throw new ArgumentError({ op: 'normal', expected: 'a size when mean and std are numbers', received: 'none' });
    const shape = checkShape('normal', size);
    const [dtype, device] = [options.dtype ?? 'float32', deviceOf('normal', options)];
    if (device.randomSource === 'host')
      return fromNumbers(normalValues(numel(shape), dtype, generator, mean as number, std as number), shape, dtype, device);
    return standard('normal', shape, dtype, device, generator).mul(std).add(mean);
  }
  const shape = tensors.reduce<Shape>((s, x) => broadcastShapes('normal', s, x.shape), []);
  const [{ dtype, device }] = tensors;
  // What is drawn does not depend on mean and std in a way that has a derivative: PyTorch's gradient is zero.
  const plain = (v: Tensor | number): Tensor | number =>
    v instanceof Tensor ? new Tensor(v.storage, v.dtype, v.shape, v.strides, v.offset, v.count) : v;
  return standard('normal', shape, isFloat(dtype) ? dtype : 'float32', device, generator)
    .mul(plain(std))
    .add(plain(mean));
}

/** 1 with the probability that each element of x says, else 0. */
export function bernoulli(x: Tensor, options?: GeneratorOptions): Tensor {
  checkInput('bernoulli', x);
  const u = standard('uniform', x.shape, x.dtype, x.device, readGenerator('bernoulli', options));
  return u.lt(x).to(x.dtype);
}

/** Fills from the host's stream, whatever the device: these are PyTorch's numbers. */
function fillFrom(x: Tensor, values: ArrayLike<number>): Tensor {
  return x.copy_(fromNumbers(values, x.shape, x.dtype, x.device));
}

/** Fills with uniform numbers in [from, to). */
export function uniform_(x: Tensor, from = 0, to = 1, options?: GeneratorOptions): Tensor {
  checkInput('uniform_', x);
  if (!(from <= to)) throw new ArgumentError({ op: 'uniform_', expected: 'from <= to', received: `${from} and ${to}` });
  if (!isFloat(x.dtype)) throw new DTypeError({ op: 'uniform_', expected: 'a float tensor', received: x.dtype });
  return fillFrom(x, uniformValues(x.count, x.dtype, readGenerator('uniform_', options), from, to));
}
/** Fills with normal numbers. */
export function normal_(x: Tensor, mean = 0, std = 1, options?: GeneratorOptions): Tensor {
  checkInput('normal_', x);
  if (!(std >= 0)) throw new ValueError({ op: 'normal_', expected: 'std >= 0', received: String(std) });
  if (!isFloat(x.dtype)) throw new DTypeError({ op: 'normal_', expected: 'a float tensor', received: x.dtype });
  return fillFrom(x, normalValues(x.count, x.dtype, readGenerator('normal_', options), mean, std));
}
/** Fills with 1 at probability p, else 0. */
export function bernoulli_(x: Tensor, p: number | Tensor = 0.5, options?: GeneratorOptions): Tensor {
  checkInput('bernoulli_', x);
  if (p instanceof Tensor) return x.copy_(bernoulli(p.expand(x.shape), options));
  if (!(p >= 0 && p <= 1)) throw new ValueError({ op: 'bernoulli_', expected: 'a probability between 0 and 1', received: String(p) });
  return fillFrom(x, bernoulliValues(x.count, readGenerator('bernoulli_', options), p));
}
/** Fills with exponential numbers of rate `lambd`. */
export function exponential_(x: Tensor, lambd = 1, options?: GeneratorOptions): Tensor {
  checkInput('exponential_', x);
  if (!(lambd > 0)) throw new ValueError({ op: 'exponential_', expected: 'a positive rate', received: String(lambd) });
  return fillFrom(x, exponentialValues(x.count, readGenerator('exponential_', options), lambd));
}
/** Fills with integers in [from, to), by default all that the dtype holds exactly. */
export function random_(x: Tensor, from?: number, to?: number, options?: GeneratorOptions): Tensor {
  checkInput('random_', x);
  const [low, high] = to === undefined ? [0, from ?? randomRange(x.dtype)] : [from ?? 0, to];
  for (const bound of [low, high]) checkNumber('random_', 'from and to', bound);
  if (!(low < high)) throw new ArgumentError({ op: 'random_', expected: 'from < to', received: `${low} and ${high}` });
  return fillFrom(x, integerValues(x.count, readGenerator('random_', options), low, high));
}

/** The state of the default generator: a uint8 tensor in PyTorch's layout of 5056 bytes. */
export const getRngState = (generator: Generator = defaultGenerator): Tensor => {
  const bytes = generatorOf('getRngState', generator).getStateBytes();
  return fromBytes(bytes, [bytes.length], 'uint8', getDefaultDevice(), 'getRngState');
};

/** Puts the default generator where `getRngState` found it. */
export function setRngState(state: Tensor, generator: Generator = defaultGenerator): void {
  if (checkInput('setRngState', state).dtype !== 'uint8')
    throw new DTypeError({ op: 'setRngState', expected: 'a uint8 tensor', received: state.dtype });
  generatorOf('setRngState', generator).setStateBytes(state.dataSync() as Uint8Array);
}
