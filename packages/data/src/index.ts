export { Dataset, IterableDataset, randomSplit, Subset, TensorDataset } from './dataset.ts';
export { StreamDataset, type SampleStream } from './stream.ts';
export { ChainDataset, ConcatDataset, StackDataset } from './combine.ts';
export {
  BatchSampler,
  DistributedSampler,
  RandomSampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
  type Sampler,
} from './sampler.ts';
export { defaultCollate } from './collate.ts';
export { DataLoader, type Batch, type DataLoaderOptions } from './loader.ts';
export { CsvDataset, type Cell, type CsvOptions, type Row } from './sources/csv.ts';
export { JsonLinesDataset, streamJsonLines } from './sources/jsonLines.ts';
export { ParquetDataset } from './sources/parquet.ts';
export { DataSourceError, type Source } from './sources/source.ts';
export { padCollate, padSequences } from './padding.ts';
export { getWorkerInfo, type WorkerInfo } from './workers/info.ts';
export { WorkerError } from './workers/pool.ts';
export type { WorkerSource } from './workers/messages.ts';
export type { LoaderState } from './position.ts';
