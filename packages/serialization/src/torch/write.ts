import { contiguousStrides, describe, Tensor, type Storage } from '@flambeau/core';
import { enter, notSaveable, tooMany } from '../safetensors/structure.ts';
import { isPlain, maxName, maxNames } from '../stored.ts';
import { bytesOfStorage, bytesOfTensor } from '../tensorBytes.ts';
import { writeZip, type ZipInput, type ZipOptions } from '../zip/write.ts';
import { storageNames } from './globals.ts';
import { maxOperations } from './pickle.ts';
import { PickleWriter } from './pickleWriter.ts';

/** Elements of a file's storage, in the order of first use. */
interface FileStorage {
  readonly key: string;
  readonly dtype: Tensor['dtype'];
  readonly length: number;
  readonly bytes: () => Promise<Uint8Array>;
}

/** How PyTorch's own tensors are aligned in the file. */
const alignment = 64;

/**
 * The chunks of a `.pt` file that holds a structure of tensors and values: what `torch.load(path, weights_only=True)` reads.
 * Maps become OrderedDicts, plain objects dicts (keys that are whole numbers become ints), arrays lists, Sets sets, Uint8Arrays bytes.
 * Tensors that share a storage here share one there.
 */
export function writeTorch(value: unknown, options: ZipOptions = {}): { chunks: AsyncIterable<Uint8Array>; byteLength: number } {
  const writer = new PickleWriter();
  const storages: FileStorage[] = [];
  const place = storagePlacer(value, storages);
  const open = new Set<unknown>();

  let count = 0;
  const write = (item: unknown, path: string): void => {
    if (++count > maxNames || path.length > maxName) throw tooMany(maxNames);
    if (item === null || item === undefined) return writer.none();
    switch (typeof item) {
      case 'boolean':
        return writer.bool(item);
      case 'number':
        return writer.number(item);
      case 'bigint':
        return writer.long(item);
      case 'string':
        return writer.string(item);
      default:
    }
    if (item instanceof Tensor) return writeTensor(writer, place(item, path), isCounter(item, path));
    if (item instanceof Uint8Array) return writer.bytes(item);
    enter(open, item, path);
    const inner = (key: unknown): string => (path === '' ? String(key) : `${path}.${String(key)}`);
    if (Array.isArray(item)) writer.list(item, (x, i) => write(x, inner(i)));
    else if (item instanceof Map) {
      writer.orderedDict();
      writer.items([...item], ([key, x]) => {
        writeKey(writer, key, inner(key));
        write(x, inner(key));
      });
    } else if (item instanceof Set) writer.set([...item], (x, i) => write(x, inner(i)));
    else if (typeof item === 'object' && isPlain(item)) {
      writer.emptyDict();
      writer.items(Object.entries(item), ([key, x]) => {
        if (/^(0|[1-9]\d{0,9})$/.test(key)) writer.number(Number(key));
        else writer.string(key);
        write(x, inner(key));
      });
    } else throw notSaveable(item, path);
    open.delete(item);
  };
  write(value, '');
  const pickle = writer.end();
  if (writer.operations > maxOperations) throw tooMany(maxNames);
  const text = (name: string, content: string): ZipInput => ({ name: `archive/${name}`, bytes: () => new TextEncoder().encode(content) });
  const inputs: ZipInput[] = [
    { name: 'archive/data.pkl', bytes: () => pickle },
    text('byteorder', 'little'),
    ...storages.map(({ key, bytes }) => ({ name: `archive/data/${key}`, bytes })),
    text('version', '3\n'),
  ];
  const texts = ['little', '3\n'].reduce((n, text) => n + text.length, 0);
  const byteLength = pickle.length + texts + storages.reduce((n, { dtype, length }) => n + length * widths(dtype), 0);
  return { chunks: writeZip(inputs, { align: alignment, ...options }), byteLength };
}

const widths = (dtype: Tensor['dtype']): number => (dtype === 'bool' ? 1 : Number(/\d+$/.exec(dtype)?.[0] ?? 8) / 8);

/** PyTorch counts batches in int64, this library in int32. */
const isCounter = (x: Tensor, path: string): boolean => x.dtype === 'int32' && x.ndim === 0 && /(^|\.)num_batches_tracked$/.test(path);

function writeKey(writer: PickleWriter, key: unknown, path: string): void {
  if (typeof key === 'string') writer.string(key);
  else if (typeof key === 'number') writer.number(key);
  else if (typeof key === 'boolean') writer.bool(key);
  else if (typeof key === 'bigint') writer.long(key);
  else if (key === null) writer.none();
  else throw notSaveable(key, `the key ${path} (${describe(key)})`);
}

interface Placed {
  readonly storage: FileStorage;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Decides for each tensor which storage of the file holds it: its own, packed, or one that several share as they do in memory. */
function storagePlacer(root: unknown, storages: FileStorage[]): (x: Tensor, path: string) => Placed {
  const users = countUsers(root);
  const shared = new Map<Storage, FileStorage>();
  const single = new Map<Tensor, Placed>();
  const add = (dtype: Tensor['dtype'], length: number, bytes: () => Promise<Uint8Array>): FileStorage => {
    const storage = { key: String(storages.length), dtype, length, bytes };
    storages.push(storage);
    return storage;
  };
  return (x, path) => {
    const { shape, strides, offset, dtype } = x;
    if (isCounter(x, path)) {
      const bytes = async (): Promise<Uint8Array> => new Uint8Array(BigInt64Array.of(BigInt((await x.readData())[0])).buffer);
      return { storage: add('int64', 1, bytes), shape, strides: [], offset: 0 };
    }
    const before = single.get(x);
    if (before !== undefined) return before;
    if ((users.get(x.storage)?.size ?? 0) > 1) {
      let storage = shared.get(x.storage);
      if (storage === undefined) {
        storage = add(dtype, Math.floor(x.storage.byteLength / widths(dtype)), () => bytesOfStorage(x));
        shared.set(x.storage, storage);
      }
      if (storage.dtype === dtype) return { storage, shape, strides, offset };
    }
    const placed = { storage: add(dtype, x.count, () => bytesOfTensor(x)), shape, strides: contiguousStrides(shape), offset: 0 };
    single.set(x, placed);
    return placed;
  };
}

/** The tensors that see each storage. */
function countUsers(root: unknown): Map<Storage, Set<Tensor>> {
  const users = new Map<Storage, Set<Tensor>>();
  const seen = new Set<unknown>();
  const pending: unknown[] = [root];
  for (let value = pending.pop(); value !== undefined || pending.length > 0; value = pending.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value instanceof Tensor) users.set(value.storage, (users.get(value.storage) ?? new Set()).add(value));
    else {
      const inner: Iterable<unknown> =
        value instanceof Map
          ? value.values()
          : Array.isArray(value) || value instanceof Set
            ? value
            : isPlain(value)
              ? Object.values(value)
              : [];
      for (const item of inner) pending.push(item);
    }
  }
  return users;
}

function writeTensor(writer: PickleWriter, { storage, shape, strides, offset }: Placed, counter: boolean): void {
  const dtype = counter ? 'int64' : storage.dtype;
  // PyTorch knows dtypes without a storage class by their names, over bytes.
  const storageName = storageNames.get(dtype);
  writer.global('torch._utils', storageName === undefined ? '_rebuild_tensor_v3' : '_rebuild_tensor_v2');
  writer.mark();
  writer.mark();
  writer.string('storage');
  if (storageName === undefined) writer.global('torch.storage', 'UntypedStorage');
  else writer.global('torch', storageName);
  writer.string(storage.key);
  writer.string('cpu');
  writer.number(storageName === undefined ? storage.length * widths(dtype) : storage.length);
  writer.tuple();
  writer.persistentId();
  writer.number(offset);
  for (const sizes of [shape, strides]) {
    writer.mark();
    for (const size of sizes) writer.number(size);
    writer.tuple();
  }
  writer.bool(false);
  writer.orderedDict();
  if (storageName === undefined) writer.global('torch', dtype);
  writer.tuple();
  writer.reduce();
}
