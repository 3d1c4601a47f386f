import { ArgumentError, describe, keep, Tensor, type Device } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';

export { SWALR, type SWALROptions } from './schedulers/swa.ts';

// Averages of the parameters of a model over the steps of its training. Any module will do: a copy is made field by field.

/** What is asked of a module. */
export interface Averageable {
  training: boolean;
  // oxlint-disable-next-line no-explicit-any -- every network has a forward of its own shape
  forward(...inputs: any[]): unknown;
  parameters(): Iterable<Tensor>;
  buffers(): Iterable<Tensor>;
  modules(): Iterable<object>;
  train(mode?: boolean): unknown;
  stateDict(): Map<string, Tensor>;
  loadStateDict(state: Map<string, Tensor>): unknown;
}

/** The new average from the average, the model's value, and how many values the average holds. */
export type AverageFunction = (averaged: Tensor, value: Tensor, count: number) => Tensor;

/** The same for all tensors of a model at once; it changes the averages in place. */
export type MultiAverageFunction = (averaged: readonly Tensor[], values: readonly Tensor[], count: number) => void;

function checkDecay(decay: number): void {
  if (!(decay >= 0 && decay <= 1))
    throw new ArgumentError({ op: 'getEmaAvgFn', expected: 'a decay between 0 and 1', received: describe(decay) });
}

/** The exponential moving average: `decay·average + (1 - decay)·value`. */
export function getEmaAvgFn(decay = 0.999): AverageFunction {
  checkDecay(decay);
  return (averaged, value) => averaged.mul(decay).add(value, { alpha: 1 - decay });
}

/** `getEmaAvgFn` for all tensors of a model. */
export function getEmaMultiAvgFn(decay = 0.999): MultiAverageFunction {
  checkDecay(decay);
  return (averaged, values) => averaged.forEach((x, i) => x.mul_(decay).add_(values[i], { alpha: 1 - decay }));
}

/** The plain average of all values: `average + (value - average)/(count + 1)`. */
export const getSwaAvgFn = (): AverageFunction => (averaged, value, count) => averaged.add(value.sub(averaged).div(count + 1));

/** `getSwaAvgFn` for all tensors of a model. */
export const getSwaMultiAvgFn = (): MultiAverageFunction => (averaged, values, count) =>
  averaged.forEach((x, i) => x.add_(values[i].sub(x), { alpha: 1 / (count + 1) }));

/** Options of AveragedModel. */
export interface AveragedModelOptions {
  /** Where the averages lie; on the model's device when missing. */
  device?: Device;
  /** How to average; the plain average when missing. Give one of both. */
  avgFn?: AverageFunction;
  /** How to average all parameters at once, in place; instead of `avgFn`. */
  multiAvgFn?: MultiAverageFunction;
  /** Averages buffers too; otherwise they are those of the model. */
  useBuffers?: boolean;
}

/**
 * A copy of a model whose parameters are averages of it: call `updateParameters(model)` after steps, and `forward` to use it.
 * @example
 * const averaged = new optim.swaUtils.AveragedModel(model, { multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.999) })
 * @see Izmailov et al. 2018, Averaging weights leads to wider optima; Polyak & Juditsky 1992
 */
export class AveragedModel<M extends Averageable> {
  readonly module: M;
  /** How many values the average holds. */
  nAveraged = 0;
  private readonly options: AveragedModelOptions;

  constructor(model: M, options: AveragedModelOptions = {}) {
    if (typeof model !== 'object' || model === null || typeof model.parameters !== 'function')
      throw new ArgumentError({ op: 'AveragedModel', expected: 'a module', received: describe(model) });
    if (options.avgFn !== undefined && options.multiAvgFn !== undefined)
      throw new ArgumentError({ op: 'AveragedModel', expected: 'one of avgFn and multiAvgFn', received: 'both' });
    this.options = options;
    this.module = noGrad(() => deepCopy(model, options.device, new Map()));
  }

  /** What the averaged model computes. */
  forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return this.module.forward(...inputs) as ReturnType<M['forward']>;
  }

  parameters(): Iterable<Tensor> {
    return this.module.parameters();
  }

  buffers(): Iterable<Tensor> {
    return this.module.buffers();
  }

  train(mode = true): this {
    this.module.train(mode);
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Takes the values of the model into the average. @throws ArgumentError when the models differ */
  updateParameters(model: M): void {
    const { avgFn, multiAvgFn, useBuffers = false } = this.options;
    const tensors = (m: M): Tensor[] => (useBuffers ? [...m.parameters(), ...m.buffers()] : [...m.parameters()]);
    const [averaged, given] = [tensors(this.module), tensors(model)];
    if (averaged.length !== given.length)
      throw new ArgumentError({ op: 'AveragedModel', expected: `${averaged.length} parameters`, received: String(given.length) });
    noGrad(() => {
      const own = averaged.map((x) => x.detach());
      const values = given.map((x, i) => x.detach().to(averaged[i].device));
      if (this.nAveraged === 0) own.forEach((x, i) => x.copy_(values[i]));
      else if (avgFn !== undefined) own.forEach((x, i) => x.copy_(avgFn(x, values[i], this.nAveraged)));
      else (multiAvgFn ?? getSwaMultiAvgFn())(own, values, this.nAveraged);
      if (!useBuffers) {
        const buffers = [...model.buffers()];
        [...this.module.buffers()].forEach((x, i) => x.detach().copy_(buffers[i].detach()));
      }
    });
    this.nAveraged++;
  }

  /** The averages by PyTorch's names: `module.fc.weight`, and `n_averaged`. */
  stateDict(): Map<string, Tensor> {
    const [first] = this.module.parameters();
    const count = first.newFull([], this.nAveraged, { dtype: first.device.supports('int64') ? 'int64' : 'int32' });
    return new Map([['n_averaged', count], ...[...this.module.stateDict()].map(([key, x]): [string, Tensor] => [`module.${key}`, x])]);
  }

  /** Takes over what `stateDict` gave, here or in PyTorch. */
  loadStateDict(state: Map<string, Tensor> | Readonly<Record<string, Tensor>>): void {
    const entries = state instanceof Map ? [...state] : Object.entries(state);
    const count = entries.find(([key]) => key === 'n_averaged');
    this.module.loadStateDict(
      new Map(entries.filter(([key]) => key !== 'n_averaged').map(([key, x]) => [key.replace(/^module\./, ''), x])),
    );
    if (count !== undefined) this.nAveraged = count[1].itemSync();
  }
}

/** A copy with tensors of its own; what is shared within the original is shared within the copy. */
function deepCopy<T>(value: T, device: Device | undefined, done: Map<unknown, unknown>): T {
  if (typeof value !== 'object' || value === null) return value;
  const known = done.get(value);
  if (known !== undefined) return known as T;
  if (value instanceof Tensor) {
    const moved = keep(device === undefined || value.device === device ? value.detach().clone() : value.detach().to(device));
    const copy = Object.assign(Object.create(Object.getPrototypeOf(value) as object) as Tensor, moved);
    copy.tape = undefined;
    copy.viewed = undefined;
    // Fields that a subclass adds, such as `persistent` of a buffer.
    for (const [key, field] of Object.entries(value)) if (!Object.hasOwn(moved, key)) Object.assign(copy, { [key]: field });
    done.set(value, copy);
    if (value.requiresGrad) copy.requiresGrad = true;
    return copy as T;
  }
  if (value instanceof Map) {
    const copy = new Map<unknown, unknown>();
    done.set(value, copy);
    for (const [key, item] of value) copy.set(key, deepCopy(item as unknown, device, done));
    return copy as T;
  }
  if (value instanceof Set) {
    const copy = new Set<unknown>();
    done.set(value, copy);
    for (const item of value) copy.add(deepCopy(item as unknown, device, done));
    return copy as T;
  }
  const copy = (Array.isArray(value) ? [] : Object.create(Object.getPrototypeOf(value) as object)) as Record<string, unknown>;
  done.set(value, copy);
  for (const [key, field] of Object.entries(value)) {
    // A function over a method of the class is a hook's wrapper around the original; the copy has none.
    if (typeof field === 'function' && !Array.isArray(value) && key in copy) continue;
    copy[key] = deepCopy(field as unknown, device, done);
  }
  return copy as T;
}

/** A batch norm layer, by what is needed of it. */
interface RunningStatistics {
  momentum: number | null;
  runningMean: Tensor;
  runningVar: Tensor;
  numBatchesTracked?: Tensor;
}

const hasStatistics = (module: object): module is RunningStatistics =>
  (module as Partial<RunningStatistics>).runningMean instanceof Tensor && 'momentum' in module;

/**
 * Computes the running statistics of batch norm layers anew, as plain averages over a loader; for an averaged model, whose layers have seen
 * no data. A batch is a tensor, or an array or object whose first entry is the input.
 */
export async function updateBn(
  loader: Iterable<unknown> | AsyncIterable<unknown>,
  model: Averageable | AveragedModel<Averageable>,
  options: { device?: Device } = {},
): Promise<void> {
  const module = model instanceof AveragedModel ? model.module : model;
  const layers = [...module.modules()].filter(hasStatistics);
  if (layers.length === 0) return;
  const momenta = layers.map((layer) => layer.momentum);
  const { training } = module;
  module.train();
  noGrad(() => {
    for (const layer of layers) {
      layer.runningMean.zero_();
      layer.runningVar.fill_(1);
      layer.numBatchesTracked?.zero_();
      layer.momentum = null;
    }
  });
  try {
    for await (const batch of loader) {
      const input = batch instanceof Tensor ? batch : (Object.values(batch as object)[0] as unknown);
      if (!(input instanceof Tensor))
        throw new ArgumentError({ op: 'updateBn', expected: 'batches that are or start with a tensor', received: describe(batch) });
      noGrad(() => module.forward(options.device === undefined ? input : input.to(options.device)));
    }
  } finally {
    layers.forEach((layer, i) => {
      layer.momentum = momenta[i];
    });
    module.train(training);
  }
}
