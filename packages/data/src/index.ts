export { Dataset, IterableDataset, randomSplit, Subset, TensorDataset } from './dataset.ts';
export { BatchSampler, RandomSampler, SequentialSampler, SubsetRandomSampler, type Sampler } from './sampler.ts';
export { defaultCollate } from './collate.ts';
export { DataLoader, type Batch, type DataLoaderOptions } from './loader.ts';
