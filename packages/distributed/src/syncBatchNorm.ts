import {
  ArgumentError,
  AsyncOnlyError,
  cat,
  describe,
  internalScope,
  keep,
  ShapeError,
  showShape,
  tensor,
  type Tensor,
} from '@flambeau/core';
import { customFunction, noGrad } from '@flambeau/autograd';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, Module, type BatchNormLayerOptions } from '@flambeau/nn';
import { allGatherIntoTensor, allReduce } from './collectives.ts';
import { groupOf, isInitialized, type ProcessGroup } from './group.ts';

/** Options of SyncBatchNorm. */
export interface SyncBatchNormOptions extends BatchNormLayerOptions {
  /** Whose batches count as one; all processes by default. */
  processGroup?: ProcessGroup;
}

interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
  /** Values of each channel in all ranks. */
  readonly count: number;
}

const channelDims = (x: Tensor): number[] => x.shape.map((_, i) => i).filter((i) => i !== 1);
const alongChannels = (values: Tensor, x: Tensor): Tensor => values.reshape(x.shape.map((_, i) => (i === 1 ? -1 : 1)));
const valuesPerChannel = (x: Tensor): number => (x.shape[1] === 0 ? 0 : x.count / x.shape[1]);

/**
 * Mean and biased variance [C] over the batches of all ranks. Each rank sends its mean m, its sum M of squared deviations and its count n; of
 * these, mean = Σ n·m / Σ n and variance = Σ (M + n·(m - mean)²) / Σ n.
 * @see Chan, Golub & LeVeque 1983
 */
function statistics(x: Tensor, group: ProcessGroup): Statistics {
  const n = valuesPerChannel(x);
  const channels = x.shape[1];
  const mean = x.sum(channelDims(x)).div(Math.max(n, 1));
  const squares = x.sub(alongChannels(mean, x)).square().sum(channelDims(x));
  const own = cat([mean, squares, tensor([n], { dtype: x.dtype, device: x.device })]);
  const all = x.newZeros([group.size, 2 * channels + 1]);
  allGatherIntoTensor(all, own, { group }).waitSync();
  const counts = all.narrow(1, 2 * channels, 1); // [size, 1]
  const means = all.narrow(1, 0, channels); // [size, C]
  const count = counts.sum().itemSync();
  const common = means.mul(counts).sum(0).div(Math.max(count, 1));
  const spread = all.narrow(1, channels, channels).add(means.sub(common).square().mul(counts)).sum(0);
  return { mean: common, variance: spread.div(Math.max(count, 1)), count };
}

/** Batch normalization over the batches of all ranks of a group: x [N, C, ...], weight [C], bias [C]. Options are those of BatchNorm2d, and processGroup. */
export class SyncBatchNorm extends BatchNorm1d {
  #group: ProcessGroup | undefined;

  constructor(numFeatures: number, options: SyncBatchNormOptions = {}) {
    const { processGroup, ...rest } = options;
    super(numFeatures, rest);
    this.#group = processGroup;
  }

  protected override ranks(): readonly number[] {
    return [2, 3, 4, 5];
  }

  override forward(x: Tensor): Tensor {
    const usesBatch = this.training || this.runningMean === null || this.runningVar === null;
    if (!usesBatch || !isInitialized()) return super.forward(x);
    const group = groupOf('SyncBatchNorm', this.#group);
    if (group.size === 1) return super.forward(x);
    return this.#acrossRanks(x, group);
  }

  #acrossRanks(x: Tensor, group: ProcessGroup): Tensor {
    const op = 'SyncBatchNorm';
    if (!this.ranks().includes(x.ndim)) throw new ShapeError({ op, expected: '2 to 5 dimensions', received: showShape(x.shape) });
    if (x.shape[1] !== this.numFeatures)
      throw new ShapeError({ op, expected: `${this.numFeatures} channels in dimension 1`, received: showShape(x.shape) });
    if (!x.device.synchronous) {
      throw new AsyncOnlyError({
        op,
        expected: 'a device that reads synchronously, for its forward waits for the other ranks',
        received: x.device.name,
        hint: 'Use GroupNorm, or BatchNorm with the statistics of each rank.',
      });
    }
    const { weight, bias } = this;
    const inputs = [x, weight, bias].filter((t) => t !== null);
    let seen: Statistics | undefined;
    const y = normalize(this.eps, group, weight !== null, bias !== null, (found) => {
      seen = found;
    })(...inputs) as Tensor;
    if (seen !== undefined) this.#track(seen);
    return y;
  }

  #track({ mean, variance, count }: Statistics): void {
    const { runningMean, runningVar, numBatchesTracked } = this;
    noGrad(() =>
      internalScope(() => {
        numBatchesTracked?.add_(1);
        const momentum = this.momentum ?? 1 / (numBatchesTracked?.itemSync() ?? 1);
        runningMean?.mul_(1 - momentum).add_(mean.mul(momentum));
        // Running variances are unbiased.
        runningVar?.mul_(1 - momentum).add_(variance.mul((momentum * count) / Math.max(count - 1, 1)));
        return [];
      }),
    );
  }

  /**
   * Puts a SyncBatchNorm in the place of each BatchNorm1d, 2d and 3d, with its parameters and statistics.
   * @returns the module, or what stands in its place
   */
  static convertSyncBatchnorm(module: Module, processGroup?: ProcessGroup): Module {
    if (!(module instanceof Module))
      throw new ArgumentError({ op: 'SyncBatchNorm.convertSyncBatchnorm', expected: 'a module', received: describe(module) });
    const replaced = synchronized(module, processGroup);
    if (replaced !== undefined) return replaced;
    const layers = Array.from(module.namedModules(), ([path, below]) => [path, synchronized(below, processGroup)] as const);
    for (const [path, layer] of layers) if (layer !== undefined) module.setSubmodule(path, layer);
    return module;
  }
}

function synchronized(layer: Module, processGroup: ProcessGroup | undefined): SyncBatchNorm | undefined {
  if (!(layer instanceof BatchNorm1d || layer instanceof BatchNorm2d || layer instanceof BatchNorm3d)) return undefined;
  if (layer instanceof SyncBatchNorm) return undefined;
  const { eps, momentum, affine, trackRunningStats, bias } = layer;
  const options = { eps, momentum, affine, trackRunningStats, bias: bias !== null };
  const made = new SyncBatchNorm(layer.numFeatures, processGroup === undefined ? options : { ...options, processGroup });
  made.weight = layer.weight;
  made.bias = layer.bias;
  made.runningMean = layer.runningMean;
  made.runningVar = layer.runningVar;
  made.numBatchesTracked = layer.numBatchesTracked;
  made.training = layer.training;
  return made;
}

/**
 * The normalization with its derivative. With r = 1/√(variance + ε), z = (x - mean)·r and h = g·weight, and means over all ranks:
 * dx = r·(h - mean(h) - z·mean(h·z)); dweight = Σ g·z and dbias = Σ g of this rank, which DistributedDataParallel averages like all others.
 */
function normalize(
  eps: number,
  group: ProcessGroup,
  hasWeight: boolean,
  hasBias: boolean,
  observe: (statistics: Statistics) => void,
): (...inputs: Tensor[]) => Tensor | Tensor[] {
  let count = 0;
  return customFunction({
    name: 'syncBatchNorm',
    forward(context, x, ...rest) {
      const weight = hasWeight ? rest[0] : undefined;
      const bias = hasBias ? rest[rest.length - 1] : undefined;
      const found = statistics(x, group);
      count = found.count;
      if (count < 2) {
        throw new ArgumentError({
          op: 'SyncBatchNorm',
          expected: 'more than one value for each channel in all ranks while training',
          received: String(count),
          hint: 'Call eval(), or use larger batches.',
        });
      }
      observe(found);
      const r = found.variance.add(eps).rsqrt();
      const z = x.sub(alongChannels(found.mean, x)).mul(alongChannels(r, x));
      context.saveForBackward(z, keep(r), ...(weight === undefined ? [] : [weight]));
      const scaled = weight === undefined ? z : z.mul(alongChannels(weight, x));
      return bias === undefined ? scaled : scaled.add(alongChannels(bias, x));
    },
    backward(context, g) {
      if (g === undefined) return [undefined, undefined, undefined].slice(0, context.needsInputGrad.length);
      const [z, r, weight] = context.savedTensors;
      const dims = channelDims(g);
      const dbias = g.sum(dims); // [C]
      const dweight = g.mul(z).sum(dims); // [C]
      // Σ h and Σ h·z over all ranks, for h = g·weight.
      const sums = cat([dbias, dweight].map((sum) => (weight === undefined ? sum : sum.mul(weight))));
      allReduce(sums, { group }).waitSync();
      const channels = g.shape[1];
      const meanH = alongChannels(sums.narrow(0, 0, channels).div(count), g);
      const meanHZ = alongChannels(sums.narrow(0, channels, channels).div(count), g);
      const h = weight === undefined ? g : g.mul(alongChannels(weight, g));
      const dx = h.sub(meanH).sub(z.mul(meanHZ)).mul(alongChannels(r, g));
      return [dx, ...(hasWeight ? [dweight] : []), ...(hasBias ? [dbias] : [])];
    },
  });
}
