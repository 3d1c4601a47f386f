import { ArgumentError, describe, readOptions, type Tensor } from '@flambeau/core';
import { Module } from '@flambeau/nn';
import { describeValue, FileError } from '../errors.ts';
import type { FileInput } from '../files/source.ts';
import { outputName, type FileOutput } from '../files/target.ts';
import { checkFormat, formatToWrite } from '../format.ts';
import { openFile, openOptions, type OpenOptions } from '../load.ts';
import { readSaveOptions, save, toBytes, type SaveOptions } from '../save.ts';
import { takeApart } from './describe.ts';
import { findClasses, parseDescription, putTogether, type ModuleClass } from './rebuild.ts';

/** The metadata entry, or the key beside the state dict, that holds the description. */
const descriptionKey = 'flambeau.network';
const stateKey = 'state_dict';

function prepare(model: Module, format: string, options: SaveOptions): { value: unknown; options: SaveOptions } {
  if (!(model instanceof Module)) throw new ArgumentError({ op: 'saveModel', expected: 'a module', received: describe(model) });
  const { description, tensors } = takeApart(model);
  const text = JSON.stringify(description);
  if (format === 'safetensors')
    return { value: tensors, options: { ...options, metadata: { ...options.metadata, [descriptionKey]: text } } };
  if (format === 'pt') return { value: { [descriptionKey]: text, [stateKey]: tensors }, options };
  throw new ArgumentError({ op: 'saveModel', expected: "format 'safetensors' or 'pt'", received: format });
}

/**
 * Saves a whole network: the tree of its modules, with class names and the options they were made with, and its weights.
 * The file is a state dict too: other programs read its tensors (in a `.pt`, under `state_dict`).
 * @throws ArgumentError when a module has a field that is no data, such as a function
 */
export async function saveModel(model: Module, output: FileOutput, options: SaveOptions = {}): Promise<void> {
  const given = readSaveOptions('saveModel', options);
  const format = checkFormat('saveModel', given.format) ?? formatToWrite('saveModel', outputName(output));
  const prepared = prepare(model, format, given);
  await save(prepared.value, output, { ...prepared.options, format });
}

/** The bytes of the file that `saveModel` would write; safetensors unless `format` says otherwise. */
export async function modelToBytes(model: Module, options: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const given = readSaveOptions('modelToBytes', options);
  const format = checkFormat('modelToBytes', given.format) ?? 'safetensors';
  const prepared = prepare(model, format, given);
  return toBytes(prepared.value, { ...prepared.options, format });
}

/** How a network is loaded. */
export interface LoadModelOptions extends OpenOptions {
  /** Classes of your own by the names they had when the network was saved: `{ Net }`. Those of `registerModules` are known too. */
  classes?: Readonly<Record<string, ModuleClass>>;
}

/**
 * Brings back a network that `saveModel` wrote. The layers of nn come back by themselves, classes of your own through `classes` or `registerModules`.
 * Fields are set as they were saved; no constructor and no code of the file runs.
 * @throws FileError `FILE_NOT_ALLOWED` that names the classes that are unknown, `FILE_FORMAT` for a file that holds only tensors
 */
export async function loadModel<M extends Module = Module>(input: FileInput, options: LoadModelOptions = {}): Promise<M> {
  const { classes = {}, ...rest } = readOptions<LoadModelOptions>('loadModel', options, ['classes', ...openOptions]);
  const file = await openFile(input, rest);
  try {
    if (file.format === 'safetensors') {
      const description = parseDescription(file.metadata[descriptionKey], file.place);
      const known = findClasses(description, classes, file.place);
      return putTogether(description, known, await file.tensors(file.names()), file.place) as M;
    }
    if (file.format !== 'pt')
      throw new FileError('FILE_FORMAT', file.place, { expected: 'a safetensors or .pt file', received: file.format });
    const outline = file.outline() as Readonly<Record<string, unknown>> | null;
    const description = parseDescription(outline?.[descriptionKey], file.place);
    const known = findClasses(description, classes, file.place);
    const loaded = (await file.load()) as Readonly<Record<string, unknown>>;
    const tensors = loaded[stateKey];
    if (!(tensors instanceof Map))
      throw new FileError('FILE_FORMAT', file.place, { expected: `tensors under ${stateKey}`, received: describeValue(tensors) });
    return putTogether(description, known, tensors as Map<string, Tensor>, file.place) as M;
  } finally {
    await file.close();
  }
}
