export { DistributedError } from './error.ts';
export { destroyProcessGroup, initProcessGroup, mpiInfo, newGroup, type InitOptions, type MpiInfo } from './init.ts';
export { getRank, getWorldSize, isInitialized, ProcessGroup } from './group.ts';
export type { Work } from './work.ts';
export type { Reduction } from './transport.ts';
export {
  allGather,
  allGatherIntoTensor,
  allReduce,
  barrier,
  broadcast,
  gather,
  reduce,
  ReduceOp,
  reduceScatter,
  reduceScatterTensor,
  scatter,
  type CollectiveOptions,
} from './collectives.ts';
export { recv, send } from './messages.ts';
export { allGatherObject, broadcastObject, onRankZero, readOnRankZero } from './objects.ts';
export { DistributedDataParallel, type DistributedDataParallelOptions } from './distributedDataParallel.ts';
export { SyncBatchNorm, type SyncBatchNormOptions } from './syncBatchNorm.ts';
