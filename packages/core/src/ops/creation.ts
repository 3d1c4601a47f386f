import { readCall, type Call } from '../call.ts';
import { checkInput, checkInteger, checkNumber } from '../checks.ts';
import { deviceOf } from '../device.ts';
import { dispatchOne } from '../dispatch.ts';
import { checkDType, dtypes, isFloat, type DType, type TypedArray } from '../dtype.ts';
import { ArgumentError, NotSupportedError, ShapeError, describe } from '../errors.ts';
import { valuesNow } from './reading.ts';
import { defineOp, type Op } from '../op.ts';
import type { Device } from '../seam.ts';
import { checkShape, numel, shapeArguments, type Shape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { fromNumbers, tensor } from './data.ts';
import { creationKeywords } from './keywords.ts';

/** Where and as what a tensor is made. */
export interface TensorOptions {
  /** float32 by default for numbers, bool for booleans, a typed array's own otherwise. */
  dtype?: DType;
  /** The default device when missing. */
  device?: Device;
  /** True makes it a leaf that gradients are collected in; needs @flambeau/autograd. */
  requiresGrad?: boolean;
}

const likeKeywords = [...creationKeywords, 'memoryFormat'];

/** Arrays of arrays of numbers, all rows of a level of one length. */
export type NestedArray = number | boolean | bigint | readonly NestedArray[];

interface CreateAttrs {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: Device;
}

export const fullOp: Op<CreateAttrs> = defineOp<CreateAttrs>({
  name: 'full',
  moves: true,
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  kernel: (k, _, [out], __, [value]) => k.fill(out, value),
});

export const arangeOp: Op<CreateAttrs> = defineOp<CreateAttrs>({
  name: 'arange',
  infer: (_, { shape, dtype }) => [{ shape, dtype }],
  kernel: (k, _, [out], __, [start, step]) => k.iota(out, start, step),
});

const create = (shape: Shape, value: number, options: TensorOptions, otherwise: DType = 'float32'): Tensor => {
  const dtype = options.dtype === undefined ? otherwise : checkDType('full', options.dtype);
  const number = isFloat(dtype) ? Number(value) : whole(dtype, value);
  return asLeaf(dispatchOne(fullOp, [], { shape, dtype, device: deviceOf('full', options) }, [number]), options);
};

/** Marks a new tensor as a leaf where its options ask for it. */
export function asLeaf(x: Tensor, { requiresGrad }: TensorOptions): Tensor {
  checkInput('asLeaf', x);
  if (requiresGrad !== true) return x;
  if (!('requiresGrad' in Tensor.prototype)) {
    throw new NotSupportedError({
      op: 'requiresGrad',
      expected: 'the package @flambeau/autograd',
      received: 'a program that has not imported it',
    });
  }
  return Object.assign(x, { requiresGrad: true });
}

/** What an integer or bool dtype makes of a number. */
function whole(dtype: DType, value: number): number {
  if (dtype === 'bool') return value ? 1 : 0;
  if (Number.isFinite(Number(value))) return Math.trunc(value);
  throw new ArgumentError({ op: 'full', expected: `a finite number for ${dtype}`, received: String(value) });
}

const isOptions = (value: unknown): value is TensorOptions => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws ArgumentError for an option that no creating function takes */
export function checkOptions(op: string, options: object): void {
  if (!isOptions(options)) throw new ArgumentError({ op, expected: 'an object of options', received: describe(options) });
  for (const name of Object.keys(options)) {
    if (!creationKeywords.includes(name) && name !== 'generator')
      throw new ArgumentError({ op, expected: `options among ${creationKeywords.join(', ')}`, received: describe(name) });
  }
}

/** Splits `f(2, 3, { dtype })` into the shape and the options. */
export function sizeArguments(op: string, args: readonly (number | Shape | TensorOptions)[]): [number[], TensorOptions] {
  const last = args[args.length - 1];
  if (!isOptions(last)) return [shapeArguments(op, args as (number | Shape)[]), {}];
  checkOptions(op, last);
  return [shapeArguments(op, args.slice(0, -1) as (number | Shape)[]), last];
}

/** A tensor of zeros: `zeros(2, 3)`, `zeros([2, 3], { dtype: 'int32' })`. */
export function zeros(...size: (number | Shape | TensorOptions)[]): Tensor {
  const [shape, options] = sizeArguments('zeros', size);
  return create(shape, 0, options);
}

/** A tensor of ones. */
export function ones(...size: (number | Shape | TensorOptions)[]): Tensor {
  const [shape, options] = sizeArguments('ones', size);
  return create(shape, 1, options);
}

/** A tensor whose content is not defined; it is zero here. */
export function empty(...size: (number | Shape | TensorOptions)[]): Tensor {
  const [shape, options] = sizeArguments('empty', size);
  return create(shape, 0, options);
}

/** Shape and strides of a tensor that is made with a layout of its own. */
export interface EmptyStridedOptions extends TensorOptions {
  /** The shape of the tensor. */
  size: Shape;
  /** Elements between neighbors, one number for each dimension. */
  stride: readonly number[];
}

/** A tensor of a shape with strides; elements may share a place. It is zero here. */
export function emptyStrided(...args: Call<EmptyStridedOptions, ['size', 'stride']>): Tensor {
  const op = 'emptyStrided';
  const { size, stride, ...options } = readCall<EmptyStridedOptions>(op, args, ['size', 'stride'], creationKeywords);
  return stridedZeros(op, size, stride, options);
}

/** As `emptyStrided`, with the dtype and device of a tensor. */
export function newEmptyStrided(x: Tensor, ...args: Call<EmptyStridedOptions, ['size', 'stride']>): Tensor {
  const op = 'newEmptyStrided';
  checkInput(op, x);
  const { size, stride, ...options } = readCall<EmptyStridedOptions>(op, args, ['size', 'stride'], creationKeywords);
  return stridedZeros(op, size, stride, like(op, x, options));
}

function stridedZeros(op: string, size: Shape, stride: readonly number[], options: TensorOptions): Tensor {
  const shape = checkShape(op, size);
  const strides = checkShape(op, stride);
  if (shape.length !== strides.length)
    throw new ShapeError({ op, expected: 'a stride for each size', received: `${describe(size)} and ${describe(stride)}` });
  const reach = shape.includes(0) ? 0 : shape.reduce((last, n, i) => last + (n - 1) * strides[i], 1);
  const flat = create([reach], 0, { ...options, requiresGrad: false });
  return asLeaf(new Tensor(flat.storage, flat.dtype, shape, strides, 0, numel(shape)), options);
}

/** A tensor whose dimensions lie in memory in the order `physicalLayout`. It is zero here. */
export function emptyPermuted(size: Shape, physicalLayout: readonly number[], options: TensorOptions = {}): Tensor {
  const op = 'emptyPermuted';
  const shape = checkShape(op, size);
  if (
    !Array.isArray(physicalLayout) ||
    [...physicalLayout].sort((a, b) => a - b).some((d, i) => d !== i) ||
    physicalLayout.length !== shape.length
  )
    throw new ArgumentError({ op, expected: `each of ${shape.length} dims once`, received: describe(physicalLayout) });
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (const d of [...physicalLayout].reverse()) {
    strides[d] = step;
    step *= Math.max(1, shape[d]);
  }
  return stridedZeros(op, shape, strides, options);
}

/** A tensor of one value: float32 for a number, bool for a boolean, unless `dtype` says otherwise. */
export function full(size: Shape, value: number | boolean, options: TensorOptions = {}): Tensor {
  checkOptions('full', options);
  checkValue('full', value);
  return create(checkShape('full', size), Number(value), options, typeof value === 'boolean' ? 'bool' : 'float32');
}

/** @throws ArgumentError unless `value` is a number or a boolean */
function checkValue(op: string, value: unknown): number {
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value);
  throw new ArgumentError({ op, expected: 'a number or a boolean', received: describe(value) });
}

function like(op: string, x: Tensor, options: TensorOptions | undefined): TensorOptions {
  const { dtype, device, requiresGrad = false } = options === undefined ? {} : readCall<TensorOptions>(op, [options], [], likeKeywords);
  return { dtype: dtype ?? checkInput(op, x).dtype, device: device ?? x.device, requiresGrad };
}
/** Zeros with the shape, dtype and device of another tensor. */
export const zerosLike = (x: Tensor, options?: TensorOptions): Tensor =>
  create(checkInput('zerosLike', x).shape, 0, like('zerosLike', x, options));
/** Ones with the shape, dtype and device of another tensor. */
export const onesLike = (x: Tensor, options?: TensorOptions): Tensor =>
  create(checkInput('onesLike', x).shape, 1, like('onesLike', x, options));
/** Like `zerosLike`: content that is not defined. */
export const emptyLike = (x: Tensor, options?: TensorOptions): Tensor =>
  create(checkInput('emptyLike', x).shape, 0, like('emptyLike', x, options));
/** One value with the shape, dtype and device of another tensor. */
export const fullLike = (x: Tensor, fillValue: number | boolean, options?: TensorOptions): Tensor =>
  create(checkInput('fullLike', x).shape, Number(fillValue), like('fullLike', x, options));
/** A copy of x with every element set to `value`, a number or a tensor without dimensions. */
export function fill(x: Tensor, value: number | boolean | Tensor | { value: number | boolean | Tensor }): Tensor {
  checkInput('fill', x);
  const given = readCall<{ value: number | boolean | Tensor }>('fill', [value], ['value']).value;
  if (given instanceof Tensor && given.ndim > 0)
    throw new ShapeError({ op: 'fill', expected: 'a value without dimensions', received: describe(given) });
  const everywhere = create([], 1, { dtype: 'bool', device: x.device });
  return x.maskedFill(everywhere, given instanceof Tensor ? given : create([], Number(given), like('fill', x, undefined)));
}
/** A tensor without dimensions. */
export const scalarTensor = (value: number | boolean, options?: TensorOptions): Tensor => full([], value, options ?? {});
/** What `newZeros` and its like take: `x.newZeros(2, 3)`, `x.newZeros([2, 3], { dtype: 'int32' })`. */
export type SizeAndOptions = (number | Shape | TensorOptions)[];
function createNew(op: string, x: Tensor, args: SizeAndOptions, value: number): Tensor {
  const [shape, options] = sizeArguments(op, args);
  return create(shape, value, like(op, x, options));
}
/** Zeros of another shape with the dtype and device of a tensor. */
export const newZeros = (x: Tensor, ...args: SizeAndOptions): Tensor => createNew('newZeros', checkInput('newZeros', x), args, 0);
/** Ones of another shape with the dtype and device of a tensor. */
export const newOnes = (x: Tensor, ...args: SizeAndOptions): Tensor => createNew('newOnes', checkInput('newOnes', x), args, 1);
/** Like `newZeros`: content that is not defined. */
export const newEmpty = (x: Tensor, ...args: SizeAndOptions): Tensor => createNew('newEmpty', checkInput('newEmpty', x), args, 0);
/** A tensor of data with the dtype and device of a tensor. */
export const newTensor = (x: Tensor, data: NestedArray | TypedArray | Tensor, options?: TensorOptions): Tensor =>
  tensor(data, like('newTensor', checkInput('newTensor', x), options));
/** One value in another shape with the dtype and device of a tensor. */
export const newFull = (x: Tensor, size: Shape, fillValue: number | boolean, options?: TensorOptions): Tensor =>
  create(checkShape('newFull', size), checkValue('newFull', fillValue), like('newFull', x, options));

/** What `arange` takes in its options: everything that may be given positionally may be given here. */
export interface ArangeOptions extends TensorOptions {
  /** The first value; 0 by default. */
  start?: number;
  /** The bound that is not reached. */
  end?: number;
  /** The distance of neighbors; 1 by default, negative to count down. */
  step?: number;
}

/**
 * `start`, `start + step`, ... below `end`: `arange(5)`, `arange(1, 5)`, `arange(0, 1, 0.1)`. float32 unless `dtype` says otherwise.
 * @throws ArgumentError when the step does not lead from start to end.
 */
export function arange(...args: (number | ArangeOptions)[]): Tensor {
  const last = args[args.length - 1];
  const options = isOptions(last) ? readCall<ArangeOptions>('arange', [last], [], ['start', 'end', 'step', ...creationKeywords]) : {};
  const numbers = ((isOptions(last) ? args.slice(0, -1) : args) as number[]).map(Number);
  const positional = numbers.length === 1 && options.end === undefined ? [options.start ?? 0, numbers[0]] : numbers;
  const given = [positional[0] ?? options.start ?? 0, positional[1] ?? options.end ?? NaN, positional[2] ?? options.step ?? 1];
  // For an integer dtype the numbers are integers before anything is counted.
  const [start, end, step] = options.dtype !== undefined && !isFloat(checkDType('arange', options.dtype)) ? given.map(Math.trunc) : given;
  if (![start, end, step].every(Number.isFinite) || step === 0 || (end - start) / step < 0) {
    throw new ArgumentError({
      op: 'arange',
      expected: 'finite numbers, and a step that leads from start to end',
      received: describe(numbers),
    });
  }
  return iota(Math.ceil((end - start) / step), start, step, options);
}

/**
 * As `arange`, but with the end where a step meets it: `range(1, 4)` is 1, 2, 3, 4. PyTorch keeps it for old programs; new ones use `arange`.
 * @throws ArgumentError when the step does not lead from start to end
 */
export function range(...args: Call<ArangeOptions & { end: number }, ['start', 'end', 'step']>): Tensor {
  const op = 'range';
  const all = readCall<ArangeOptions>(op, args, ['start', 'end', 'step'], creationKeywords);
  const { start = 0, end, step = 1, ...options } = all;
  const numbers = [start, end ?? NaN, step].map((v) => checkNumber(op, 'start, end and step', v));
  const count = (numbers[1] - numbers[0]) / numbers[2];
  if (!(count >= 0 && Number.isFinite(count)))
    throw new ArgumentError({ op, expected: 'finite numbers, and a step that leads from start to end', received: describe(numbers) });
  return iota(Math.floor(count) + 1, numbers[0], numbers[2], options);
}

function iota(count: number, start: number, step: number, options: TensorOptions): Tensor {
  const dtype = checkDType('arange', options.dtype ?? 'float32');
  return asLeaf(dispatchOne(arangeOp, [], { shape: [count], dtype, device: deviceOf('arange', options) }, [start, step]), options);
}

/** @throws ArgumentError unless `value` is a number or a tensor without dimensions */
function checkEnd(op: string, value: number | Tensor): number | Tensor {
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value);
  if (value instanceof Tensor && value.ndim === 0) return value;
  throw new ArgumentError({ op, expected: 'ends that are numbers or tensors without dimensions', received: describe(value) });
}

/** A number, or a tensor without dimensions, which is read. */
function endpoint(op: string, value: number | Tensor): number {
  const end = checkEnd(op, value);
  return end instanceof Tensor ? Number(valuesNow(op, end, 'Give a number: await end.item().')[0]) : end;
}

/** Arguments of `linspace`. */
export interface LinspaceOptions extends TensorOptions {
  /** The first value: a number or a tensor without dimensions. */
  start: number | Tensor;
  /** The last value, which is reached. */
  end: number | Tensor;
  /** How many values there are, both ends included. */
  steps: number;
}

/** Numbers evenly from start to end, rounded as PyTorch does: from both ends towards the middle, in the dtype's own arithmetic. */
function evenly(op: string, start: number, end: number, steps: number, dtype: DType): Float64Array {
  checkInteger(op, 'steps', steps, 0);
  const values = new Float64Array(steps);
  // An integer dtype takes the integer parts of the ends, and float64 steps between them.
  const integer = !isFloat(dtype);
  const round = dtype === 'float64' || integer ? (v: number): number => v : Math.fround;
  const [from, to] = integer ? [Math.trunc(start), Math.trunc(end)] : [round(start), round(end)];
  const step = steps > 1 ? round((to - from) / (steps - 1)) : 0;
  for (let i = 0; i < steps; i++) values[i] = i < Math.floor(steps / 2) || steps === 1 ? from + step * i : to - step * (steps - 1 - i);
  return values;
}

/** `steps` numbers evenly from start to end, both included; the ends may be tensors without dimensions. float32 unless `dtype` says otherwise. */
export function linspace(...args: Call<LinspaceOptions, ['start', 'end', 'steps']>): Tensor {
  const op = 'linspace';
  const { start, end, steps, ...options } = readCall<LinspaceOptions>(op, args, ['start', 'end', 'steps'], creationKeywords);
  const dtype = checkDType(op, options.dtype ?? 'float32');
  const like = start instanceof Tensor ? start : end instanceof Tensor ? end : undefined;
  const device = options.device === undefined && like !== undefined ? like.device : deviceOf(op, options);
  if (!device.synchronous && (start instanceof Tensor || end instanceof Tensor))
    return asLeaf(evenlyOnDevice(checkEnd(op, start), checkEnd(op, end), steps, dtype, device), options);
  return asLeaf(fromNumbers(evenly(op, endpoint(op, start), endpoint(op, end), steps, dtype), [steps], dtype, device), options);
}

/** As `linspace` where the ends cannot be read without waiting: start + i·(end - start)/(steps - 1). */
function evenlyOnDevice(start: number | Tensor, end: number | Tensor, steps: number, dtype: DType, device: Device): Tensor {
  checkInteger('linspace', 'steps', steps, 0);
  const scalar = (x: number | Tensor): Tensor => (x instanceof Tensor ? cast(x, 'float32') : create([], x, { device }));
  const places = arange(steps, { device }).div(Math.max(1, steps - 1));
  return cast(scalar(start).add(scalar(end).sub(scalar(start)).mul(places)), dtype);
}

/** `base` (10) to the power of `steps` numbers evenly from start to end; the ends may be tensors without dimensions. */
export function logspace(...args: Call<LinspaceOptions & { base?: number }, ['start', 'end', 'steps', 'base']>): Tensor {
  const op = 'logspace';
  const { start, end, steps, base = 10, ...options } = readCall<LinspaceOptions & { base?: number }>(op, args, ['start', 'end', 'steps', 'base'], creationKeywords); // prettier-ignore
  const dtype = checkDType(op, options.dtype ?? 'float32');
  const exponents = evenly(op, endpoint(op, start), endpoint(op, end), steps, dtype);
  const powers = exponents.map((e) => base ** e);
  return asLeaf(fromNumbers(powers, [steps], dtype, deviceOf(op, options)), options);
}

/** The identity matrix of n rows and m columns (n when missing). @throws ArgumentError for negative sizes */
export function eye(...args: Call<TensorOptions & { n: number; m?: number | null }, ['n', 'm']>): Tensor {
  const { n, m, ...options } = readCall<TensorOptions & { n: number; m?: number }>('eye', args, ['n', 'm'], creationKeywords);
  const [rows, columns] = [checkInteger('eye', 'n', n, 0), checkInteger('eye', 'm', m ?? n, 0)];
  const device = deviceOf('eye', options);
  const count = (length: number): Tensor => arange(length, { dtype: 'int32', device });
  return asLeaf(cast(count(rows).unsqueeze(1).eq(count(columns)), checkDType('eye', options.dtype ?? 'float32')), options);
}

/** The largest and smallest numbers that a dtype holds, as torch.iinfo and torch.finfo have them. */
export const limits = (dtype: DType): { min: number; max: number } => ({
  min: dtypes[checkDType('limits', dtype)].min,
  max: dtypes[dtype].max,
});

/** The dtype of tensors that are made of numbers without naming one: always float32, so that a program's numbers do not depend on a switch. */
export const getDefaultDtype = (): DType => 'float32';
