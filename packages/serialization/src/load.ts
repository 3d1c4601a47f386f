import { ArgumentError, describe, getDefaultDevice, readOptions, type Device, type DType, type Shape, type Tensor } from '@flambeau/core';
import { FileError, type FilePlace } from './errors.ts';
import { openSource, type ByteSource, type FileInput } from './files/source.ts';
import { Work, workOptions, type WorkOptions } from './files/work.ts';
import { checkFormat, openStored, withoutMemory, type FileFormat } from './format.ts';
import { materialize, namedTensors, type LoadContext, type StoredFile, type StoredTensor } from './stored.ts';

/** Tensors by name. */
export type Tensors = Map<string, Tensor>;

/** How a file is read. */
export interface OpenOptions extends WorkOptions {
  /** The format, where neither the extension nor the first bytes tell it. */
  format?: FileFormat;
  /** Where the tensors are put; the default device when missing. */
  device?: Device;
  /** A name for messages, where bytes or a stream have none. */
  name?: string;
  /**
   * The most bytes that the input may come to: a stream, or a URL whose server gives no ranges, that is longer is refused, and so is an archive
   * (`.pt`, npz) from anywhere whose entries unpack to more. When missing: 16 GiB of a stream; and what is deflated in an archive may
   * unpack to 16 GiB, or to a hundred times the packed bytes where that is less and more than 1 GiB.
   */
  maxBytes?: number;
}

/** The names of those options. */
export const openOptions: readonly (keyof OpenOptions)[] = ['format', 'device', 'name', 'maxBytes', ...workOptions];

/** How a file is loaded. */
export interface LoadOptions extends OpenOptions {
  /** Reads only these tensors, by dotted name, and gives a Map of them; the rest of the file is not read. */
  only?: readonly string[] | ((name: string) => boolean);
}

/** A file that is open: its structure is known, and its tensors are read one by one as they are asked for. Close it in the end. */
export class TensorFile {
  readonly name: string;
  readonly format: FileFormat;
  /** Strings beside the tensors (safetensors only). */
  readonly metadata: Readonly<Record<string, string>>;
  private readonly stored: StoredFile;
  private readonly source: ByteSource;
  private readonly options: OpenOptions;
  private readonly named: Map<string, StoredTensor>;

  /** Use `openFile`. */
  constructor(source: ByteSource, stored: StoredFile, options: OpenOptions) {
    this.name = source.name;
    this.format = stored.format;
    this.metadata = stored.metadata;
    this.stored = stored;
    this.source = source;
    this.options = options;
    this.named = namedTensors(stored);
  }

  /** The dotted names of all tensors, in the order of the file. */
  names(): string[] {
    return [...this.named.keys()];
  }

  /** Dtype and shape of a tensor, without reading it. @throws FileError when there is none of the name */
  spec(name: string): { dtype: DType; shape: Shape } {
    const { dtype, shape } = this.find(name);
    return { dtype, shape };
  }

  /** Reads one tensor. @throws FileError when there is none of the name */
  async tensor(name: string): Promise<Tensor> {
    const found = this.find(name);
    return this.reading([found], (context) => found.read(context));
  }

  /** Reads the tensors of some names into a Map. */
  async tensors(names: Iterable<string>): Promise<Tensors> {
    const found = [...names].map((name) => [name, this.find(name)] as const);
    return this.reading(
      found.map(([, tensor]) => tensor),
      async (context) => {
        const [out, known]: [Tensors, Map<StoredTensor, Tensor>] = [new Map(), new Map()];
        for (const [name, stored] of found) {
          const tensor = known.get(stored) ?? (await stored.read(context));
          known.set(stored, tensor);
          out.set(name, tensor);
        }
        return out;
      },
    );
  }

  /** Reads everything, in the structure in which it was saved. */
  async load(): Promise<unknown> {
    return this.reading([...this.named.values()], (context) => materialize(this.stored.root, context));
  }

  /** The structure with everything but the tensors, in whose places stand their dtypes and shapes. */
  outline(): unknown {
    return this.stored.root;
  }

  /** Where the text or pickle begins that says what the file holds. */
  get place(): FilePlace {
    return this.stored.place;
  }

  /** Lets go of the file. */
  close(): Promise<void> {
    return this.source.close();
  }

  private find(name: string): StoredTensor {
    const found = this.named.get(name);
    if (found === undefined) {
      throw new FileError('FILE_NOT_FOUND', { file: this.name }, {
        expected: `a tensor ${JSON.stringify(name)}`,
        received: `${this.named.size} others: ${this.names().slice(0, 5).join(', ')}${this.named.size > 5 ? ', ...' : ''}`,
      }); // prettier-ignore
    }
    return found;
  }

  private async reading<T>(tensors: readonly StoredTensor[], read: (context: LoadContext) => Promise<T>): Promise<T> {
    const work = new Work('load', this.name, this.options);
    // A storage is read once, however many tensors see it.
    const parts = new Map(tensors.map(({ part, byteLength }) => [part, byteLength]));
    work.totalBytes = [...parts.values()].reduce((n, bytes) => n + bytes, 0);
    const context: LoadContext = { source: this.source, device: this.options.device ?? getDefaultDevice(), work, storages: new Map() };
    try {
      const result = await read(context);
      work.finish();
      return result;
    } catch (error) {
      throw withoutMemory(error, this.stored.place, 'tensors that fit into memory');
    }
  }
}

/**
 * Opens a file to read some of its tensors, or to look at what it holds.
 * @example
 * const file = await openFile('model.safetensors')
 * const weight = await file.tensor('conv1.0.weight')
 * await file.close()
 */
export async function openFile(input: FileInput, options: OpenOptions = {}): Promise<TensorFile> {
  const given = readOptions<OpenOptions>('openFile', options, openOptions);
  const format = checkFormat('load', given.format);
  const source = await openSource(input, given);
  try {
    return new TensorFile(source, await openStored(source, format, given), given);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * Reads a file of tensors: safetensors, PyTorch's `.pt` (both formats), npy or npz, told by the extension, the `format` option or the first bytes.
 * A state dict comes as a Map, npz as a Map of its arrays, npy as a tensor, a nested checkpoint as it was saved (Python's dicts as plain objects,
 * its OrderedDicts as Maps, tuples as arrays, None as null). No code ever runs from a file. The type argument is yours to know; it is not checked.
 * @throws FileError with the file, the byte and a stable code when anything in the file does not fit
 */
export async function load<T = Tensors>(input: FileInput, options: LoadOptions = {}): Promise<T> {
  const { only, ...rest } = readOptions<LoadOptions>('load', options, ['only', ...openOptions]);
  if (only !== undefined && !Array.isArray(only) && typeof only !== 'function')
    throw new ArgumentError({ op: 'load', expected: 'names or a function of a name as only', received: describe(only) });
  const file = await openFile(input, rest);
  try {
    if (only === undefined) return (await file.load()) as T;
    return (await file.tensors(typeof only === 'function' ? file.names().filter(only) : (only as readonly string[]))) as T;
  } finally {
    await file.close();
  }
}
