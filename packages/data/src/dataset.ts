import {
  checkIterable,
  checkArray,
  readOptions,
  ArgumentError,
  IndexError,
  ShapeError,
  generatorOf,
  permutationValues,
  showShape,
  Tensor,
  type Generator,
} from '@flambeau/core';

import type { WorkerSource } from './workers/messages.ts';

/** Samples by index. Extend it, or write any object with `length` and `get`. */
export abstract class Dataset<T> {
  abstract readonly length: number;

  /** The sample at an index from 0 to length - 1. */
  abstract get(index: number): T;

  /** A batch at once, where a dataset can make one faster than from single samples; it must equal the collated samples. */
  getBatch?(indices: readonly number[]): unknown;

  /** How a worker makes this dataset anew; needed for `numWorkers`. */
  workerSource?(): WorkerSource;
}

/** Samples one after the other, without an index. */
export abstract class IterableDataset<T> {
  abstract [Symbol.iterator](): Iterator<T>;

  /** How a worker makes this dataset anew; needed for `numWorkers`. Each worker iterates its copy: share samples out by `getWorkerInfo`. */
  workerSource?(): WorkerSource;
}

/** Rows of tensors whose first sizes are equal: sample i is row i of each. */
export class TensorDataset extends Dataset<Tensor[]> {
  readonly tensors: readonly Tensor[];
  readonly length: number;

  constructor(...tensors: Tensor[]) {
    super();
    if (tensors.length === 0 || !tensors.every((x) => x instanceof Tensor && x.ndim > 0))
      throw new ArgumentError({
        op: 'TensorDataset',
        expected: 'tensors of at least one dimension',
        received: `${tensors.length} arguments`,
      });
    if (tensors.some((x) => x.shape[0] !== tensors[0].shape[0]))
      throw new ShapeError({
        op: 'TensorDataset',
        expected: 'equal first sizes',
        received: tensors.map((x) => showShape(x.shape)).join(', '),
      });
    this.tensors = tensors;
    this.length = tensors[0].shape[0];
  }

  get(index: number): Tensor[] {
    return this.tensors.map((x) => x.select(0, index));
  }

  override getBatch(indices: readonly number[]): Tensor[] {
    const picks = Int32Array.from(indices);
    return this.tensors.map((x) => x.indexSelect(0, x.newInt32(picks)));
  }
}

/** Some samples of another dataset. */
export class Subset<T> extends Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: readonly number[];
  readonly length: number;

  constructor(dataset: Dataset<T>, indices: Iterable<number>) {
    super();
    this.dataset = dataset;
    this.indices = checkIterable('Subset', 'the indices', indices);
    this.length = this.indices.length;
    const wrong = this.indices.find((i) => !Number.isInteger(i) || i < 0 || i >= dataset.length);
    if (wrong !== undefined)
      throw new IndexError({ op: 'Subset', expected: `indices in [0, ${dataset.length - 1}]`, received: String(wrong) });
    if (dataset.getBatch !== undefined) this.getBatch = (indices) => dataset.getBatch?.(indices.map((i) => this.indices[i]));
  }

  get(index: number): T {
    return this.dataset.get(this.indices[index]);
  }
}

/** Splits a dataset at random into parts of given lengths, or of given fractions that sum to 1. */
export function randomSplit<T>(dataset: Dataset<T>, lengths: readonly number[], options: { generator?: Generator } = {}): Subset<T>[] {
  checkArray('randomSplit', 'the lengths', lengths);
  const { generator } = readOptions<{ generator?: Generator }>('randomSplit', options, ['generator']);
  const total = lengths.reduce((a, b) => a + b, 0);
  let sizes = [...lengths];
  if (Math.abs(total - 1) < 1e-6 && lengths.some((n) => n !== Math.trunc(n) || n === 1)) {
    sizes = lengths.map((fraction) => Math.floor(dataset.length * fraction));
    const rest = dataset.length - sizes.reduce((a, b) => a + b, 0);
    for (let i = 0; i < rest; i++) sizes[i % sizes.length]++;
  }
  if (sizes.some((n) => !Number.isInteger(n) || n < 0) || sizes.reduce((a, b) => a + b, 0) !== dataset.length) {
    throw new ArgumentError({
      op: 'randomSplit',
      expected: `lengths that sum to ${dataset.length}, or fractions that sum to 1`,
      received: lengths.join(', '),
    });
  }
  const order = permutationValues(dataset.length, generatorOf('randomSplit', generator));
  let start = 0;
  return sizes.map((size) => new Subset(dataset, order.subarray(start, (start += size))));
}
