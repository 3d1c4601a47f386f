import { ArgumentError, describe, readOptions, type Tensor } from '@flambeau/core';
import { Module } from '@flambeau/nn';
import { outputName, pieces, writeOutput, type FileOutput } from '../files/target.ts';
import { Work, workOptions, type WorkOptions } from '../files/work.ts';

/** Axes that may have any size: by the name of an input, a list of axes, or axes with names for their sizes. */
export type DynamicAxes = Readonly<Record<string, readonly number[] | Readonly<Record<number, string>>>>;

/** How a model is exported. */
export interface ExportOptions extends WorkOptions {
  /** Axes of inputs that may have any size: `{ input: { 0: 'batch' } }` or `{ input: [0] }`. Those of outputs follow. */
  dynamicAxes?: DynamicAxes;
  /** Names of the inputs; `input`, or `input1`, `input2`, ... when missing. */
  inputNames?: readonly string[];
  /** Names of the outputs; `output`, or `output1`, `output2`, ... when missing. */
  outputNames?: readonly string[];
}

/** The bytes of a model in the ONNX format; see `exportOnnx`. */
export async function onnxBytes(
  model: Module,
  exampleInputs: Tensor | readonly unknown[],
  options: ExportOptions = {},
): Promise<Uint8Array> {
  if (!(model instanceof Module)) throw new ArgumentError({ op: 'exportOnnx', expected: 'a module', received: describe(model) });
  const given = readOptions<ExportOptions>('exportOnnx', options, ['dynamicAxes', 'inputNames', 'outputNames', ...workOptions]);
  const { convertModel } = await import('./model.ts');
  return convertModel(model, exampleInputs, given);
}

/**
 * Writes a model in the ONNX format (opset 18), for any runtime that reads it. The model runs once on the example inputs, in evaluation mode, and
 * what it does becomes the graph: branches of its code are taken as they were taken then. With `dynamicAxes` it runs a second time on other
 * sizes, and what differs between the two follows the inputs.
 * @param exampleInputs - a tensor, or the arguments of forward
 * @throws NotSupportedError that names an op which ONNX does not have, or what depends on a size in a way that cannot be told
 */
export async function exportOnnx(
  model: Module,
  exampleInputs: Tensor | readonly unknown[],
  output: FileOutput,
  options: ExportOptions = {},
): Promise<void> {
  const work = new Work('save', outputName(output), options);
  const bytes = await onnxBytes(model, exampleInputs, options);
  work.totalBytes = bytes.length;
  await writeOutput(output, pieces(bytes, work), work);
}
