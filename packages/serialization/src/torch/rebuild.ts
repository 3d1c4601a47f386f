import { asStrided, bytesOf, dtypes, neg, type DType, type Tensor } from '@flambeau/core';
import { describeValue as describe, FileError, type FileErrorCode } from '../errors.ts';
import { StoredTensor, type LoadContext } from '../stored.ts';
import { checkFileShape } from '../tensors.ts';
import { findGlobal, storageDTypes, unsupportedGlobal, type AllowedGlobal } from './globals.ts';
import type { PickleHandlers } from './pickle.ts';
import { Dict, PickleGlobal, PySet, Tuple } from './pythonValues.ts';

/** A storage that a pickle refers to; the container around the pickle knows where its bytes lie. */
export class StorageRef {
  readonly key: string;
  dtype: DType;
  /** Elements. */
  length: number;
  /** Its length as the file gives it: of a storage without a class, in bytes. */
  readonly counted: number;
  /** True for bytes that the first tensor over them gives a dtype. */
  untyped: boolean;
  /** Set by the container: a one-dimensional tensor of all elements. */
  read: ((context: LoadContext) => Promise<Tensor>) | undefined;

  constructor(key: string, dtype: DType, length: number, untyped = false) {
    this.key = key;
    this.untyped = untyped;
    this.dtype = dtype;
    this.length = length;
    this.counted = length;
    this.read = undefined;
  }

  /** The storage as a tensor, read once for all tensors that share it. */
  load(context: LoadContext): Promise<Tensor> {
    let loading = context.storages.get(this);
    if (loading === undefined) {
      loading = this.read?.(context) ?? Promise.reject(new Error(`the storage ${this.key} has no bytes`));
      context.storages.set(this, loading);
    }
    return loading;
  }
}

/** A part of a storage that the legacy format gives an own name. */
interface StorageWindow {
  readonly storage: StorageRef;
  readonly offset: number;
  readonly length: number;
}

/** Handlers for PyTorch's pickles; `storages` collects every storage by its key. */
export function torchHandlers(file: string, storages: Map<string, StorageRef>): PickleHandlers<AllowedGlobal> {
  const fail = (code: FileErrorCode, byte: number, expected: string, received: string, hint?: string): FileError =>
    new FileError(code, { file, byte }, { expected, received, ...(hint !== undefined && { hint }) });

  const integers = (value: unknown, byte: number, what: string): number[] => {
    if (!(value instanceof Tuple) || !value.items.every((n) => Number.isSafeInteger(n)))
      throw fail('FILE_FORMAT', byte, `${what} as a tuple of integers`, describe(value));
    return value.items as number[];
  };

  function tensor(args: readonly unknown[], byte: number): StoredTensor {
    const [storage, offset, size, stride, , , metadata] = args;
    const window = storage instanceof StorageRef ? { storage, offset: 0, length: storage.length } : isWindow(storage) ? storage : undefined;
    if (window === undefined || window.storage.untyped)
      throw fail('FILE_FORMAT', byte, 'a storage of a dtype for a tensor', describe(storage));
    if (!Number.isSafeInteger(offset) || (offset as number) < 0) throw fail('FILE_SHAPE', byte, 'a storage offset', describe(offset));
    const shape = checkFileShape(integers(size, byte, 'a size'), { file, byte });
    const strides = integers(stride, byte, 'strides');
    if (strides.length !== shape.length || strides.some((s) => s < 0))
      throw fail('FILE_SHAPE', byte, `${shape.length} non-negative strides`, `[${strides.join(', ')}]`);
    const start = window.offset + (offset as number);
    const last = shape.includes(0) ? -1 : shape.reduce((at, n, i) => at + (n - 1) * strides[i], offset as number);
    if (last >= window.length || (offset as number) > window.length) {
      throw fail(
        'FILE_SHAPE',
        byte,
        `a tensor inside its storage of ${window.length} elements`,
        `[${shape.join(', ')}] with strides [${strides.join(', ')}] from ${offset as number}`,
      );
    }
    const { dtype } = window.storage;
    const { storage: whole } = window;
    const negative = isNegative(metadata, dtype, byte);
    const read = async (context: LoadContext): Promise<Tensor> => {
      const view = asStrided(await whole.load(context), shape, strides, start);
      return negative ? neg(view) : view;
    };
    return new StoredTensor(dtype, shape, whole.length * bytesOf(dtype), read, whole);
  }

  /** A tensor of a storage of bytes, which says its dtype itself. */
  function typedTensor(args: readonly unknown[], byte: number): StoredTensor {
    const [storage, offset, size, stride, grad, hooks, type, metadata] = args;
    const dtype = type instanceof PickleGlobal && (type.value as AllowedGlobal).kind === 'dtype' ? type.name.replace(/^torch\./, '') : '';
    if (!Object.hasOwn(dtypes, dtype)) throw fail('FILE_NOT_SUPPORTED', byte, 'a tensor of a dtype', describe(type));
    if (!(storage instanceof StorageRef)) throw fail('FILE_FORMAT', byte, 'a storage for a tensor', describe(storage));
    if (storage.untyped) {
      const width = bytesOf(dtype as DType);
      if (storage.length % width !== 0) throw fail('FILE_SHAPE', byte, `whole elements of ${dtype}`, `${storage.length} bytes`);
      storage.untyped = false;
      storage.length /= width;
      storage.dtype = dtype as DType;
    }
    if (storage.dtype !== dtype)
      throw fail('FILE_NOT_SUPPORTED', byte, 'tensors of one dtype over a storage', `${storage.dtype} and ${dtype}`);
    return tensor([storage, offset, size, stride, grad, hooks, metadata], byte);
  }

  /** PyTorch marks the imaginary part of a conjugate as negative, instead of negating its elements. */
  function isNegative(metadata: unknown, dtype: DType, byte: number): boolean {
    if (metadata === undefined || metadata === null) return false;
    if (!(metadata instanceof Dict)) throw fail('FILE_FORMAT', byte, 'the marks of a tensor in a dict', describe(metadata));
    for (const [mark, value] of metadata.entries) {
      if (value !== true || mark === 'neg') continue;
      throw fail('FILE_NOT_SUPPORTED', byte, 'a tensor that is marked as neg or not at all', describe(mark));
    }
    const negative = metadata.entries.get('neg') === true;
    if (negative && !/^b?float/.test(dtype)) throw fail('FILE_FORMAT', byte, 'floats where a tensor is marked as neg', dtype);
    return negative;
  }

  const encode = (text: string, byte: number): Uint8Array => {
    const out = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0xff) throw fail('FILE_FORMAT', byte, 'a string of bytes', describe(text));
      out[i] = unit;
    }
    return out;
  };

  return {
    global(name, byte) {
      const found = findGlobal(name);
      if (found !== undefined) return found;
      const reason = unsupportedGlobal(name);
      if (reason !== undefined) throw fail('FILE_NOT_SUPPORTED', byte, reason, name);
      throw new FileError(
        'FILE_NOT_ALLOWED',
        { file, byte },
        {
          expected: `${name} is not allowed`,
          hint: 'A file may name only what tensors need. Save the state dict: torch.save(model.state_dict(), path).',
        },
      );
    },

    call({ name, value }, args, byte) {
      switch (value.kind) {
        case 'orderedDict': {
          const dict = new Dict(true);
          const [items] = args;
          if (args.length > 1 || (items !== undefined && !Array.isArray(items)))
            throw fail('FILE_FORMAT', byte, 'OrderedDict() or a list of pairs', describe(items));
          for (const pair of (items as unknown[] | undefined) ?? []) {
            const values = pair instanceof Tuple ? pair.items : pair;
            if (!Array.isArray(values) || values.length !== 2) throw fail('FILE_FORMAT', byte, 'pairs for an OrderedDict', describe(pair));
            dict.set(values[0], values[1]);
          }
          return dict;
        }
        case 'counter':
          if (args.length > 1 || (args.length === 1 && !(args[0] instanceof Dict)))
            throw fail('FILE_FORMAT', byte, 'Counter() or a dict of counts', describe(args[0]));
          return args[0] ?? new Dict(false);
        case 'set': {
          const items = args[0] instanceof Tuple ? args[0].items : (args[0] ?? []);
          if (args.length > 1 || !Array.isArray(items)) throw fail('FILE_FORMAT', byte, 'a set of a list', describe(args[0]));
          return new PySet(items as unknown[]);
        }
        case 'size':
        case 'namedTuple':
          if (args.length === 0) return new Tuple([]);
          if (!(args[0] instanceof Tuple)) throw fail('FILE_FORMAT', byte, `a tuple for ${name}`, describe(args[0]));
          return args[0];
        case 'device':
          if (args.length > 2 || !args.every((part) => typeof part === 'string' || typeof part === 'number'))
            throw fail('FILE_FORMAT', byte, 'a device of a name and a number', describe(args));
          return args.join(':');
        case 'encode':
          if (typeof args[0] !== 'string') throw fail('FILE_FORMAT', byte, 'a string of bytes', describe(args[0]));
          return encode(args[0], byte);
        case 'bytes':
        case 'bytearray':
          if (args.length === 0) return new Uint8Array(0);
          if (!(args[0] instanceof Uint8Array)) throw fail('FILE_FORMAT', byte, `bytes for ${name}`, describe(args[0]));
          return args[0];
        case 'tensorV2':
        case 'tensor':
          return tensor(args, byte);
        case 'tensorV3':
          return typedTensor(args, byte);
        case 'tensorOfType': {
          // The function that makes the tensor, its class, the function's arguments, and attributes that nothing here has.
          const [maker, , inner] = args;
          const kind = maker instanceof PickleGlobal ? (maker.value as AllowedGlobal).kind : undefined;
          if ((kind !== 'tensorV2' && kind !== 'tensorV3' && kind !== 'tensor') || !(inner instanceof Tuple))
            throw fail('FILE_FORMAT', byte, 'the function and the arguments that make a tensor', describe(maker));
          return kind === 'tensorV3' ? typedTensor(inner.items, byte) : tensor(inner.items, byte);
        }
        case 'parameter':
        case 'parameterWithState':
          if (!(args[0] instanceof StoredTensor)) throw fail('FILE_FORMAT', byte, 'a tensor for a parameter', describe(args[0]));
          return args[0];
        default:
          throw fail('FILE_NOT_ALLOWED', byte, 'a function that tensors need', `a call of ${name}`);
      }
    },

    build(object, state, byte) {
      // An OrderedDict carries attributes such as the versions of its modules, and a parameter its hooks: neither is needed to load it.
      if (!(object instanceof Dict) && !(object instanceof StoredTensor))
        throw fail('FILE_NOT_ALLOWED', byte, 'a state for a dict or a tensor', describe(object));
      if (!(state instanceof Dict) && !(state instanceof Tuple)) throw fail('FILE_FORMAT', byte, 'a state that is a dict', describe(state));
      return object;
    },

    leaf(value, byte) {
      if (value instanceof StorageRef || isWindow(value))
        throw fail('FILE_NOT_SUPPORTED', byte, 'tensors', 'a storage by itself', 'Make a tensor of it in PyTorch: torch.tensor(storage).');
      return value;
    },

    persistent(id, byte) {
      if (!(id instanceof Tuple) || id.items[0] !== 'storage') throw fail('FILE_FORMAT', byte, "a persistent id of kind 'storage'", describe(id instanceof Tuple ? id.items[0] : id)); // prettier-ignore
      const [, type, key, , length, view] = id.items;
      const untyped = type instanceof PickleGlobal && (type.value as AllowedGlobal).kind === 'untypedStorage';
      const named = type instanceof PickleGlobal ? storageDTypes.get(type.name.replace(/^torch\./, '')) : undefined;
      const dtype = untyped ? 'uint8' : named;
      if (dtype === undefined)
        throw fail('FILE_FORMAT', byte, 'a storage class', type instanceof PickleGlobal ? type.name : describe(type));
      if ((typeof key !== 'string' && typeof key !== 'number') || !Number.isSafeInteger(length) || (length as number) < 0)
        throw fail('FILE_FORMAT', byte, 'the key and length of a storage', `${describe(key)} and ${describe(length)}`);
      const name = String(key);
      const known = storages.get(name);
      const agrees = known === undefined || (known.counted === length && (untyped || known.dtype === dtype));
      if (!agrees)
        throw fail('FILE_FORMAT', byte, `the storage ${name} as ${known.dtype} of ${known.counted}`, `${dtype} of ${length as number}`);
      const storage = known ?? new StorageRef(name, dtype, length as number, untyped);
      storages.set(name, storage);
      if (!(view instanceof Tuple)) return storage;
      const [, offset, size] = view.items;
      if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(size) || (offset as number) < 0 || (size as number) < 0 || (offset as number) + (size as number) > storage.length)
        throw fail('FILE_SHAPE', byte, `a view inside ${storage.length} elements`, `${describe(size)} from ${describe(offset)}`); // prettier-ignore
      return { storage, offset, length: size } as StorageWindow;
    },
  };
}

const isWindow = (value: unknown): value is StorageWindow => (value as Partial<StorageWindow> | null)?.storage instanceof StorageRef;
