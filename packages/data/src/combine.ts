import { checkArray, describe, ArgumentError, IndexError } from '@flambeau/core';
import { Dataset, IterableDataset } from './dataset.ts';

/** @throws ArgumentError unless all are datasets with a length */
function checkDatasets(op: string, datasets: readonly { readonly length: number }[]): void {
  if (
    !Array.isArray(datasets) ||
    datasets.some((dataset) => typeof dataset !== 'object' || dataset === null || !Number.isInteger(dataset.length))
  )
    throw new ArgumentError({ op, expected: 'datasets', received: describe(datasets) });
}

/** Datasets one after the other. */
export class ConcatDataset<T> extends Dataset<T> {
  readonly datasets: readonly Dataset<T>[];
  readonly length: number;
  /** Where each dataset ends. */
  private readonly ends: readonly number[];

  constructor(datasets: readonly Dataset<T>[]) {
    super();
    checkDatasets('ConcatDataset', datasets);
    if (datasets.length === 0) throw new ArgumentError({ op: 'ConcatDataset', expected: 'at least one dataset', received: 'none' });
    this.datasets = datasets;
    let end = 0;
    this.ends = datasets.map((dataset) => (end += dataset.length));
    this.length = end;
  }

  get(index: number): T {
    const wrapped = index < 0 ? index + this.length : index;
    const which = this.ends.findIndex((end) => wrapped < end);
    if (wrapped < 0 || which < 0)
      throw new IndexError({ op: 'ConcatDataset', expected: `an index in [${-this.length}, ${this.length - 1}]`, received: String(index) });
    return this.datasets[which].get(wrapped - (which === 0 ? 0 : this.ends[which - 1]));
  }
}

/** Iterable datasets one after the other. */
export class ChainDataset<T> extends IterableDataset<T> {
  private readonly datasets: readonly IterableDataset<T>[];

  constructor(datasets: readonly IterableDataset<T>[]) {
    super();
    this.datasets = checkArray('ChainDataset', 'the datasets', datasets);
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const dataset of this.datasets) yield* { [Symbol.iterator]: () => dataset[Symbol.iterator]() };
  }
}

/** Datasets of one length side by side: a sample is an array of theirs, or an object of theirs by name. */
export class StackDataset<T = unknown> extends Dataset<T[] | Record<string, T>> {
  readonly length: number;
  private readonly datasets: readonly Dataset<T>[] | Readonly<Record<string, Dataset<T>>>;

  constructor(datasets: readonly Dataset<T>[] | Readonly<Record<string, Dataset<T>>>) {
    super();
    const list = Object.values(Object(datasets)) as Dataset<T>[];
    checkDatasets('StackDataset', list);
    if (list.length === 0 || list.some((dataset) => dataset.length !== list[0].length)) {
      throw new ArgumentError({
        op: 'StackDataset',
        expected: 'datasets of one length',
        received: list.map((dataset) => dataset.length).join(', ') || 'none',
      });
    }
    this.datasets = datasets;
    this.length = list[0].length;
  }

  get(index: number): T[] | Record<string, T> {
    if (Array.isArray(this.datasets)) return (this.datasets as readonly Dataset<T>[]).map((dataset) => dataset.get(index));
    return Object.fromEntries(Object.entries(this.datasets).map(([name, dataset]) => [name, dataset.get(index)]));
  }
}
