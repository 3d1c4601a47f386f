import { describeValue as describe, FileError, type FileErrorCode } from '../errors.ts';
import { Dict, finish, PickleGlobal, PySet, Tuple } from './pythonValues.ts';

/** What the pickle machine asks of its user. */
export interface PickleHandlers<T> {
  /** What a global stands for; it throws for what is not allowed. */
  global(name: string, byte: number): T;
  /** The result of calling an allowed global; it throws for what is no function or does not fit. */
  call(callee: PickleGlobal<T>, args: readonly unknown[], byte: number): unknown;
  /** Applies a state to an object that was made before. */
  build(object: unknown, state: unknown, byte: number): unknown;
  persistent(id: unknown, byte: number): unknown;
  /** What an object that is none of Python's values becomes in the result; it throws for what must not be there. */
  leaf(value: object, byte: number): unknown;
}

/** How many elements a call may copy of an argument. */
const weightOf = (value: unknown): number =>
  Array.isArray(value) || typeof value === 'string' || value instanceof Uint8Array ? value.length : value instanceof Tuple ? value.items.length : 0; // prettier-ignore

/** What is on the stack where a MARK was set. */
const mark = Symbol('mark');
const decoder = new TextDecoder('utf-8');
/** A pickle of so many operations is no model: a tensor takes about forty. */
export const maxOperations = 2_000_000;
/** And so many for a packed byte, where it is packed: the rest is what a bomb unpacks to. */
const operationsPerByte = 64;
const freeOperations = 65_536;
/** What calls may copy, for a byte of the pickle: a string or list may be memoized, and called upon again and again. */
const copiesPerByte = 16;

/**
 * Reads pickles without running anything: a stack machine whose only functions are those that its handlers know.
 * @see https://docs.python.org/3/library/pickletools.html
 */
export class PickleReader<T> {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly file: string;
  private readonly handlers: PickleHandlers<T>;
  private at: number;
  private stack: unknown[] = [];
  private memo = new Map<number, unknown>();
  /** How many operations are allowed, and how many elements calls may still copy. */
  private readonly operations: number;
  private copies: number;

  /** @param place - the file that the bytes are, and how many they take there: fewer where they are packed */
  constructor(bytes: Uint8Array, place: { file: string; packed: number }, handlers: PickleHandlers<T>) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
    this.file = place.file;
    this.operations = Math.min(maxOperations, freeOperations + operationsPerByte * place.packed);
    this.copies = freeOperations + copiesPerByte * bytes.length;
    this.handlers = handlers;
  }

  /** Where the next pickle begins. */
  get position(): number {
    return this.at;
  }

  private fail(code: FileErrorCode, byte: number, expected: string, received?: string): FileError {
    return new FileError(code, { file: this.file, byte: byte }, { expected, ...(received !== undefined && { received }) });
  }

  private take(length: number): number {
    const from = this.at;
    if (length < 0 || from + length > this.bytes.length)
      throw this.fail(
        'FILE_TRUNCATED',
        Math.min(from, this.bytes.length),
        `${length} more bytes of the pickle`,
        String(this.bytes.length - from),
      );
    this.at += length;
    return from;
  }

  private slice(length: number): Uint8Array {
    const from = this.take(length);
    return this.bytes.subarray(from, from + length);
  }

  private text(length: number): string {
    return decoder.decode(this.slice(length));
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0 || end - this.at > 1000) throw this.fail('FILE_FORMAT', this.at, 'a name of at most 1000 bytes that ends in a newline');
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  private pop(): unknown {
    if (this.stack.length === 0) throw this.fail('FILE_FORMAT', this.at - 1, 'a value on the stack', 'an empty stack');
    const value = this.stack.pop();
    if (value === mark) throw this.fail('FILE_FORMAT', this.at - 1, 'a value on the stack', 'a mark');
    return value;
  }

  private top(): unknown {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  private popToMark(): unknown[] {
    const from = this.stack.lastIndexOf(mark);
    if (from < 0) throw this.fail('FILE_FORMAT', this.at - 1, 'a mark on the stack', 'none');
    const items = this.stack.splice(from);
    items.shift();
    return items;
  }

  private remember(key: number): void {
    this.memo.set(key, this.top());
  }

  private recall(key: number, byte: number): void {
    if (!this.memo.has(key)) throw this.fail('FILE_FORMAT', byte, 'a memo entry that was written before', String(key));
    this.stack.push(this.memo.get(key));
  }

  private long(length: number): number | bigint {
    const digits = this.slice(length);
    if (length > 4096) throw this.fail('FILE_LIMIT', this.at, 'an integer of at most 4096 bytes', String(length));
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(digits[i]);
    if (length > 0 && digits[length - 1] >= 0x80) value -= 1n << BigInt(8 * length);
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  private setItems(pairs: readonly unknown[]): void {
    const target = this.top();
    if (!(target instanceof Dict) || pairs.length % 2 !== 0)
      throw this.fail('FILE_FORMAT', this.at - 1, 'pairs for a dict', describe(target));
    for (let i = 0; i < pairs.length; i += 2) {
      const key = pairs[i];
      if (Array.isArray(key) || key instanceof Dict || key instanceof PySet)
        throw this.fail('FILE_FORMAT', this.at - 1, 'keys that Python can hash', describe(key));
      target.set(key, pairs[i + 1]);
    }
  }

  private append(items: readonly unknown[]): void {
    const target = this.top();
    if (target instanceof PySet) for (const item of items) target.items.push(item);
    else if (Array.isArray(target)) for (const item of items) target.push(item);
    else throw this.fail('FILE_FORMAT', this.at - 1, 'a list to append to', describe(target));
  }

  private pushGlobal(module: unknown, name: unknown, byte: number): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.fail('FILE_FORMAT', byte, 'a global by two strings');
    const full = `${module}.${name}`;
    this.stack.push(new PickleGlobal(full, this.handlers.global(full, byte)));
  }

  private reduce(byte: number): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof PickleGlobal) || !(args instanceof Tuple))
      throw this.fail('FILE_FORMAT', byte, 'a call of a global with a tuple', describe(callee));
    for (const arg of args.items) this.copies -= weightOf(arg);
    if (this.copies < 0) throw this.fail('FILE_LIMIT', byte, 'calls that copy no more than the pickle holds', 'one value over and over');
    this.stack.push(this.handlers.call(callee as PickleGlobal<T>, args.items, byte));
  }

  /** Reads one pickle, up to its STOP. */
  read(): unknown {
    this.stack = [];
    this.memo = new Map();
    const start = this.at;
    for (let operations = 0; operations < this.operations; operations++) {
      const byte = this.take(1);
      const code = this.bytes[byte];
      if (code === 0x2e) {
        const result = this.pop();
        return finish(result, { file: this.file, byte: start }, (value) => this.handlers.leaf(value, start));
      }
      this.step(code, byte);
    }
    throw this.fail('FILE_LIMIT', this.at, `at most ${this.operations} operations`, 'more');
  }

  private step(code: number, byte: number): void {
    const { stack, view } = this;
    switch (code) {
      case 0x80: {
        // PROTO
        const version = this.bytes[this.take(1)];
        if (version < 2 || version > 5) throw this.fail('FILE_NOT_SUPPORTED', byte, 'a pickle of protocol 2 to 5', String(version));
        return;
      }
      case 0x95: // FRAME
        this.take(8);
        return;
      case 0x28: // MARK
        stack.push(mark);
        return;
      case 0x30: // POP
        if (stack.pop() === undefined && stack.length === 0) throw this.fail('FILE_FORMAT', byte, 'a value on the stack', 'an empty stack');
        return;
      case 0x31: // POP_MARK
        this.popToMark();
        return;
      case 0x32: // DUP
        stack.push(this.top());
        return;
      case 0x4e: // NONE
        stack.push(null);
        return;
      case 0x88: // NEWTRUE
        stack.push(true);
        return;
      case 0x89: // NEWFALSE
        stack.push(false);
        return;
      case 0x4b: // BININT1
        stack.push(this.bytes[this.take(1)]);
        return;
      case 0x4d: // BININT2
        stack.push(view.getUint16(this.take(2), true));
        return;
      case 0x4a: // BININT
        stack.push(view.getInt32(this.take(4), true));
        return;
      case 0x8a: // LONG1
        stack.push(this.long(this.bytes[this.take(1)]));
        return;
      case 0x8b: // LONG4
        stack.push(this.long(view.getInt32(this.take(4), true)));
        return;
      case 0x47: // BINFLOAT
        stack.push(view.getFloat64(this.take(8), false));
        return;
      case 0x58: // BINUNICODE
        stack.push(this.text(view.getUint32(this.take(4), true)));
        return;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(this.text(this.bytes[this.take(1)]));
        return;
      case 0x8d: // BINUNICODE8
        stack.push(this.text(Number(view.getBigUint64(this.take(8), true))));
        return;
      case 0x55: // SHORT_BINSTRING, a str of Python 2
        stack.push(this.text(this.bytes[this.take(1)]));
        return;
      case 0x54: // BINSTRING
        stack.push(this.text(view.getInt32(this.take(4), true)));
        return;
      case 0x43: // SHORT_BINBYTES
        stack.push(this.slice(this.bytes[this.take(1)]).slice());
        return;
      case 0x42: // BINBYTES
        stack.push(this.slice(view.getUint32(this.take(4), true)).slice());
        return;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(this.slice(Number(view.getBigUint64(this.take(8), true))).slice());
        return;
      case 0x5d: // EMPTY_LIST
        stack.push([]);
        return;
      case 0x7d: // EMPTY_DICT
        stack.push(new Dict(false));
        return;
      case 0x8f: // EMPTY_SET
        stack.push(new PySet([]));
        return;
      case 0x91: // FROZENSET
        stack.push(new PySet(this.popToMark()));
        return;
      case 0x29: // EMPTY_TUPLE
        stack.push(new Tuple([]));
        return;
      case 0x85: // TUPLE1
        stack.push(new Tuple([this.pop()]));
        return;
      case 0x86: {
        // TUPLE2
        const b = this.pop();
        stack.push(new Tuple([this.pop(), b]));
        return;
      }
      case 0x87: {
        // TUPLE3
        const c = this.pop();
        const b = this.pop();
        stack.push(new Tuple([this.pop(), b, c]));
        return;
      }
      case 0x74: // TUPLE
        stack.push(new Tuple(this.popToMark()));
        return;
      case 0x6c: // LIST
        stack.push(this.popToMark());
        return;
      case 0x64: {
        // DICT
        const pairs = this.popToMark();
        stack.push(new Dict(false));
        this.setItems(pairs);
        return;
      }
      case 0x61: {
        // APPEND
        const item = this.pop();
        this.append([item]);
        return;
      }
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        this.append(this.popToMark());
        return;
      case 0x73: {
        // SETITEM
        const value = this.pop();
        const key = this.pop();
        this.setItems([key, value]);
        return;
      }
      case 0x75: // SETITEMS
        this.setItems(this.popToMark());
        return;
      case 0x71: // BINPUT
        this.remember(this.bytes[this.take(1)]);
        return;
      case 0x72: // LONG_BINPUT
        this.remember(view.getUint32(this.take(4), true));
        return;
      case 0x94: // MEMOIZE
        this.remember(this.memo.size);
        return;
      case 0x68: // BINGET
        this.recall(this.bytes[this.take(1)], byte);
        return;
      case 0x6a: // LONG_BINGET
        this.recall(view.getUint32(this.take(4), true), byte);
        return;
      case 0x63: {
        // GLOBAL
        const module = this.line();
        this.pushGlobal(module, this.line(), byte);
        return;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = this.pop();
        this.pushGlobal(this.pop(), name, byte);
        return;
      }
      case 0x52: // REDUCE
      case 0x81: // NEWOBJ
        this.reduce(byte);
        return;
      case 0x62: {
        // BUILD
        const state = this.pop();
        const object = this.pop();
        stack.push(this.handlers.build(object, state, byte));
        return;
      }
      case 0x51: // BINPERSID
        stack.push(this.handlers.persistent(this.pop(), byte));
        return;
      default:
        throw this.fail('FILE_NOT_SUPPORTED', byte, 'an operation that tensors need', `opcode 0x${code.toString(16).padStart(2, '0')}`);
    }
  }
}
