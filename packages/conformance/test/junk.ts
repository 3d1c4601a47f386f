import * as autograd from '@flambeau/autograd';
import * as core from '@flambeau/core';
import * as data from '@flambeau/data';
import * as linalg from '@flambeau/linalg';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import * as plot from '@flambeau/plot';
import * as serialization from '@flambeau/serialization';
import * as special from '@flambeau/special';
import * as vision from '@flambeau/vision';
import { machinery } from '../src/machinery.ts';
import { isFlambeauError } from '../src/operators.ts';

// What the law of wrong arguments calls, and with what.

type Names = Readonly<Record<string, unknown>>;
type Callable = (...args: unknown[]) => unknown;

/** What writes files writes them into a stream that keeps nothing, wherever the junk is a path. */
const nowhere = (output: unknown): unknown => (typeof output === 'string' ? new WritableStream() : output);
const inMemory = {
  save: (value: unknown, output: unknown, ...rest: never[]) => serialization.save(value, nowhere(output) as string, ...rest),
  saveModel: (value: never, output: unknown, ...rest: never[]) => serialization.saveModel(value, nowhere(output) as string, ...rest),
  saveCheckpoint: (output: unknown, ...rest: never[]) =>
    serialization.saveCheckpoint(nowhere(output) as string, ...(rest as unknown as [never])),
  exportOnnx: (model: never, inputs: never, output: unknown, ...rest: never[]) =>
    serialization.exportOnnx(model, inputs, nowhere(output) as string, ...rest),
  'toBytes as pt': (value: unknown) => serialization.toBytes(value, { format: 'pt' }),
};

/** Every place that exports something callable. */
export const surfaces: Readonly<Record<string, Names>> = {
  core,
  autograd,
  nn,
  'nn.functional': nn.functional,
  'nn.init': nn.init,
  'nn.utils': nn.utils,
  linalg: linalg.linalg as Names,
  'linalg, beside': linalg,
  special: special.special as Names,
  optim,
  'optim.lrScheduler': optim.lrScheduler as Names,
  data,
  serialization: { ...serialization, ...inMemory },
  vision,
  'vision, reading': {
    'MNIST.load': vision.MNIST.load.bind(vision.MNIST),
    'FashionMNIST.load': vision.FashionMNIST.load.bind(vision.FashionMNIST),
    'CIFAR10.load': vision.CIFAR10.load.bind(vision.CIFAR10),
    'ImageFolder.load': vision.ImageFolder.load.bind(vision.ImageFolder),
    'ImageFolder.fromFiles': vision.ImageFolder.fromFiles.bind(vision.ImageFolder),
  },
  'vision.models': vision.models,
  'vision.transforms': vision.transforms,
  plot,
  'plot, serving': { 'LivePage.open': async (port?: number) => (await plot.LivePage.open(port)).close() },
};

export const matrix = (): core.Tensor => core.arange(6).reshape(2, 3);
const symmetric = (): core.Tensor => core.tensor([[2, 1], [1, 3]]); // prettier-ignore
const integers = (): core.Tensor => core.tensor([1, 0], { dtype: 'int32' });

/** Values that hardly any argument takes, made anew for each call. */
export const junk: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  'a string': () => 'junk',
  NaN: () => NaN,
  'an empty object': () => ({}),
  'an unknown option': () => ({ surely: 'not' }),
  'an empty array': () => [],
  'nested arrays': () => [[1, 2]],
  true: () => true,
  'minus one': () => -1,
  'one and a half': () => 1.5,
  'a function': () => () => 1,
  'a tensor': matrix,
  'a tensor of integers': integers,
};

/** What stands before the junk, so that it comes to every position. */
export const before: Readonly<Record<string, () => unknown[]>> = {
  nothing: () => [],
  matrix: () => [matrix()],
  'square matrix': () => [symmetric()],
  'two matrices': () => [matrix(), matrix()],
  'two square matrices': () => [symmetric(), symmetric()],
  'matrix and number': () => [matrix(), 1],
  number: () => [1],
  'two numbers': () => [1, 1],
  'list of tensors': () => [[matrix()]],
  'list of parameters': () => [[new nn.Parameter(matrix())]],
};

const mostSeconds = 2;

/** Runs a call that may refuse, and says what is wrong with how it ended: undefined where it answered or threw a FlambeauError in time. */
export async function complaint(call: () => unknown): Promise<string | undefined> {
  const started = performance.now();
  try {
    const settling = core.scope(() => {
      const answer = call();
      return { done: answer instanceof Promise ? answer.then(() => undefined, (error: unknown) => ({ error })) : undefined }; // prettier-ignore
    });
    const settled = (await settling.done) as { error?: unknown } | undefined;
    if (typeof settled === 'object' && settled !== null && 'error' in settled) throw settled.error;
  } catch (error) {
    if (!isFlambeauError(error))
      return error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 3).join(' ') : String(error);
  }
  const seconds = (performance.now() - started) / 1000;
  return seconds > mostSeconds ? `took ${seconds.toFixed(1)} s` : undefined;
}

export const callablesOf = (names: Names): [name: string, f: Callable][] =>
  Object.entries(names).filter(
    (entry): entry is [string, Callable] =>
      typeof entry[1] === 'function' && !machinery.has(entry[0]) && !(entry[1].prototype instanceof Error),
  );

export const isClass = (f: Callable): boolean => /^class\b/.test(Function.prototype.toString.call(f));
