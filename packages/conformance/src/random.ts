import * as f from '@flambeau/core';
import { Tensor, type DType } from '@flambeau/core';
import * as data from '@flambeau/data';
import * as nn from '@flambeau/nn';
import { noGrad } from '@flambeau/autograd';
import { UnsupportedDType } from './cases.ts';
import { difference } from './compare.ts';
import { camelCase } from './naming.ts';
import { CaseFailure } from './operators.ts';
import { classification, imageLosses, regressionLosses } from './programs.ts';

/** One entry of random.json: what a call gives after `manual_seed(seed)`. */
export interface RandomCase {
  readonly id: string;
  readonly seed: number;
  readonly name: string;
  readonly expected: unknown;
}

type Names = Readonly<Record<string, unknown>>;
type Result = unknown;

const functionOf = (names: object, name: string): ((...args: unknown[]) => unknown) => {
  const found = (names as Names)[camelCase(name)];
  if (typeof found !== 'function') throw new CaseFailure('notImplemented', `there is no ${name}`);
  return found as (...args: unknown[]) => unknown;
};

const numbers = (text: string): number[] => text.split(',').map((part) => part.trim()).filter((part) => part !== '').map(Number); // prettier-ignore

/** Arguments as Python writes them: numbers, `(12,)`, `2*ones(10,2)`, `float64`. */
function readArguments(text: string): unknown[] {
  const args: unknown[] = [];
  const options: Record<string, unknown> = {};
  const part = /\s*(?:(-?[\d.]+)\*ones\(([^)]*)\)|\(([^)]*)\)|(float\d+|int\d+)|(-?[\d.]+))\s*(?:,|$)/y;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (found === null) throw new CaseFailure('notImplemented', `arguments ${text}`);
    const [, factor, size, tuple, dtype, number] = found;
    if (factor !== undefined) args.push(f.ones(...numbers(size)).mul(Number(factor)));
    else if (tuple !== undefined) args.push(numbers(tuple));
    else if (dtype !== undefined) options['dtype'] = dtype as DType;
    else args.push(Number(number));
  }
  return Object.keys(options).length > 0 ? [...args, options] : args;
}

const parametersOf = (module: nn.Module): Record<string, Tensor> => Object.fromEntries(module.namedParameters());
const build = (name: string, args: string): nn.Module => {
  const Constructor = (nn as unknown as Names)[name] as (new (...rest: unknown[]) => nn.Module) | undefined;
  if (typeof Constructor !== 'function') throw new CaseFailure('notImplemented', `there is no nn.${name}`);
  return new Constructor(...readArguments(args));
};

/** How the names of random.json are called, from the most special to the general. */
const forms: readonly [RegExp, (...groups: string[]) => Result | Promise<Result>][] = [
  [/^regression losses$/, regressionLosses],
  [/^classification$/, classification],
  [/^(cnn|lstm) losses on random images$/, (kind) => imageLosses(kind as 'cnn' | 'lstm')],
  [/^DataLoader\(linspace\(1,(\d+),\d+\), batch (\d+), shuffle\), (\d+) epochs$/, (n, batch, epochs) => loaderOrder(Number(n), Number(batch), Number(epochs))],
  [/^(.*) after (\w+)\((.*)\)$/, (call, name, args) => {
    functionOf(f, name)(...readArguments(args));
    return generate(call);
  }],
  [/^bernoulli\(([\d.]+) of (\d+)\)$/, (p, n) => f.bernoulli(f.full([Number(n)], Number(p)))],
  [/^dropout\(ones\((\d+)\),([\d.]+)\)$/, (n, p) => nn.functional.dropout(f.ones(Number(n)), Number(p) as never)],
  [/^init\.(\w+)\(([^)]*)\)$/, (name, size) => functionOf(nn.init, name)(f.empty(numbers(size)))],
  [/^empty\(([^)]*)\)\.(\w+)\((.*)\)$/, (size, name, args) => {
    const x = f.empty(numbers(size));
    return functionOf(x, name).apply(x, readArguments(args));
  }],
  [/^(\w+)\((.*)\) weight\[:(\d+)\], bias$/, (name, args, n) => {
    const { weight, bias } = parametersOf(build(name, args));
    return { weight: weight.detach().at(`:${n}`), bias };
  }],
  [/^([A-Z]\w*)\((.*)\) weight$/, (name, args) => parametersOf(build(name, args))['weight']],
  [/^([A-Z]\w*)\((.*)\)(?: parameters)?$/, (name, args) => parametersOf(build(name, args))],
  [/^(\w+)\((.*)\)\[:(\d+)\]$/, (name, args, n) => (functionOf(f, name)(...readArguments(args)) as Tensor).at(`:${n}`)],
  [/^(\w+)\((.*)\)$/, (name, args) => functionOf(f, name)(...readArguments(args))],
]; // prettier-ignore

function generate(name: string): Result | Promise<Result> {
  for (const [pattern, make] of forms) {
    const found = pattern.exec(name);
    if (found !== null) return make(...found.slice(1));
  }
  throw new CaseFailure('notImplemented', `no form of random.json is called ${name}`);
}

/** The batches of a shuffled loader over x = 1..n and y = n..1. */
async function loaderOrder(n: number, batchSize: number, epochs: number): Promise<unknown> {
  const dataset = new data.TensorDataset(f.linspace(1, n, n), f.linspace(n, 1, n));
  const loader = new data.DataLoader(dataset, { batchSize, shuffle: true });
  const order: unknown[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const batches: unknown[] = [];
    for await (const [x, y] of loader as AsyncIterable<[Tensor, Tensor]>) batches.push({ x: await x.toArray(), y: await y.toArray() });
    order.push(batches);
  }
  return order;
}

/** The shapes of the parameters of a module, from the arguments it is built with: the file writes its numbers without any. */
const parameterShapes: Readonly<Record<string, (...args: number[]) => Readonly<Record<string, readonly number[]>>>> = {
  Linear: (inputs, outputs) => ({ weight: [outputs, inputs], bias: [outputs] }),
  Conv2d: (inputs, outputs, kernel) => ({ weight: [outputs, inputs, kernel, kernel], bias: [outputs] }),
  Embedding: (n, width) => ({ weight: [n, width] }),
  LSTM: (inputs, hidden) => ({
    weight_ih_l0: [4 * hidden, inputs],
    weight_hh_l0: [4 * hidden, hidden],
    bias_ih_l0: [4 * hidden],
    bias_hh_l0: [4 * hidden],
  }),
  MultiheadAttention: (width) => ({
    in_proj_weight: [3 * width, width],
    in_proj_bias: [3 * width],
    'out_proj.weight': [width, width],
    'out_proj.bias': [width],
  }),
};

type Shapes = readonly number[] | Readonly<Record<string, readonly number[]>> | undefined;

/** What the name of an entry says of the shape of its tensors; undefined where it says nothing. */
export function shapesOf(name: string): Shapes {
  const call = name.replace(/ after .*$/, '');
  const module = /^([A-Z]\w*)\(([\d, ]*)\)(?: weight)?(?:\[:(\d+)\])?/.exec(call);
  if (module !== null) {
    const [, kind, args, rows] = module;
    const shapes = Object.hasOwn(parameterShapes, kind) ? parameterShapes[kind](...numbers(args)) : undefined;
    if (shapes !== undefined && rows !== undefined) return { ...shapes, weight: [Number(rows), ...shapes['weight'].slice(1)] };
    return shapes !== undefined && call.endsWith(' weight') ? shapes['weight'] : shapes;
  }
  const sized = [
    /^randperm\(\d+\)\[:(\d+)\]$/,
    /^(?:bernoulli)\([\d.]+ of (\d+)\)$/,
    /^(?:rand|randn|randperm)\(([\d, ]+?)(?:, *(?:float|int)\d+)?\)$/,
    /^\w+\(.*ones\(([\d, ]+)\).*\)$/,
    /^(?:randint|normal)\(.*\(([\d, ]+)\)\)$/,
    /^empty\(([\d, ]+)\)\.\w+\(.*\)$/,
    /^init\.\w+\(([\d, ]+)\)$/,
  ];
  for (const pattern of sized) {
    const found = pattern.exec(call);
    if (found !== null) return numbers(found[1]);
  }
  return undefined;
}

const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** The numbers of a tensor, whose shape has to be the expected one: that of nested numbers, or what the name of the entry says. */
async function tensorNumbers(ours: Tensor, expected: unknown, named: Shapes): Promise<{ ours: number[]; expected: number[] }> {
  const nested: number[] = [];
  for (let part = expected; Array.isArray(part); part = (part as unknown[])[0]) nested.push(part.length);
  const shape = nested.length > 1 ? nested : Array.isArray(named) ? (named as readonly number[]) : undefined;
  if (shape !== undefined && show(ours.shape) !== show(shape))
    throw new CaseFailure('wrongValue', `shape is ${show(ours.shape)}, expected ${show(shape)}`);
  return { ours: Array.from((await ours.readData()) as ArrayLike<number | bigint>, Number), expected: [expected].flat(9) as number[] };
}

/** Numbers of anything, in order: tensors, arrays, objects by the keys of the expected value, which have to be ours too. */
export async function flattenNumbers(ours: unknown, expected: unknown, shapes: Shapes): Promise<{ ours: number[]; expected: number[] }> {
  if (ours instanceof Tensor) return tensorNumbers(ours, expected, shapes);
  if (typeof ours === 'number') return { ours: [ours], expected: [expected as number] };
  if (typeof ours !== 'object' || ours === null || typeof expected !== 'object' || expected === null)
    throw new CaseFailure('wrongValue', `${String(ours)}, expected ${String(expected)}`);
  const all = { ours: [] as number[], expected: [] as number[] };
  const [found, wanted] = [Object.keys(ours), Object.keys(expected)];
  if (found.length !== wanted.length) throw new CaseFailure('wrongValue', `parts ${found.join(', ')}, expected ${wanted.join(', ')}`);
  for (const key of wanted) {
    const shape = Array.isArray(shapes) ? undefined : (shapes as Readonly<Record<string, Shapes>> | undefined)?.[key];
    const part = await flattenNumbers((ours as Names)[key], (expected as Names)[key], shape);
    all.ours.push(...part.ours);
    all.expected.push(...part.expected);
  }
  return all;
}

const isTraining = (name: string): boolean => /losses|classification/.test(name);

export async function runRandom(test: RandomCase): Promise<void> {
  for (const dtype of ['float64', 'int64'] as const) {
    if (test.name.includes(dtype) && !f.getDefaultDevice().supports(dtype)) throw new UnsupportedDType(dtype);
  }
  f.manualSeed(test.seed);
  // The programs train; everything else only draws.
  const made = isTraining(test.name) ? await generate(test.name) : await noGrad(() => ({ made: generate(test.name) })).made;
  const { ours, expected } = await flattenNumbers(made, test.expected, shapesOf(test.name));
  if (ours.length !== expected.length) throw new CaseFailure('wrongValue', `${ours.length} numbers, expected ${expected.length}`);
  const integers = !isTraining(test.name) && expected.every(Number.isInteger) && /rand(int|perm)|bernoulli|DataLoader/.test(test.name);
  // A hundred steps of the small nets go from one rounding to another; ten of the big ones stay as near as a draw.
  const tolerance =
    isTraining(test.name) && !/random images/.test(test.name) ? { absolute: 0, relative: 1e-4 } : { absolute: 1e-6, relative: 1e-5 };
  const text = difference(ours, expected, !integers, 0, tolerance);
  if (text !== undefined) throw new CaseFailure('wrongValue', text);
}

/** The entries of random.json as cases. */
export function randomCases(file: readonly Readonly<Record<string, unknown>>[]): RandomCase[] {
  return file.flatMap((entry) =>
    Object.entries(entry)
      .filter(([name]) => name !== 'seed')
      .map(([name, expected]) => ({ id: `random#${String(entry['seed'])}.${name}`, seed: entry['seed'] as number, name, expected })),
  );
}
