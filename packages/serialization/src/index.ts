export { AbortedError, FileError, type FileErrorCode } from './errors.ts';
export type { BlobLike, ByteStream, FileInput } from './files/source.ts';
export type { ByteSink, FileOutput } from './files/target.ts';
export type { AbortSignalLike, Progress, WorkOptions } from './files/work.ts';
export type { FileFormat } from './format.ts';
export { load, openFile, TensorFile, type LoadOptions, type OpenOptions, type Tensors } from './load.ts';
export { save, toBytes, type SaveOptions } from './save.ts';
export { loadModel, modelToBytes, saveModel, type LoadModelOptions } from './model/model.ts';
export { registerModules, type ModuleClass } from './model/rebuild.ts';
export {
  loadCheckpoint,
  restoreTraining,
  saveCheckpoint,
  trainingState,
  type Stateful,
  type TrainingParts,
  type TrainingState,
} from './checkpoint.ts';
export { exportOnnx, onnxBytes, type DynamicAxes, type ExportOptions } from './onnx/export.ts';
