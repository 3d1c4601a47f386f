/** How many items of a list or dict are written at once, as Python's pickler does. */
const batchSize = 1000;

/** Writes a pickle of protocol 2, the one that torch.save uses. */
export class PickleWriter {
  private buffer = new Uint8Array(1024);
  private view = new DataView(this.buffer.buffer);
  private length = 0;
  /** How many operations were written. */
  operations = 0;
  /** Where strings and globals were put, so that each is written once. */
  private readonly memo = new Map<string, number>();

  constructor() {
    this.op(0x80, 2);
  }

  private reserve(bytes: number): number {
    const from = this.length;
    this.length += bytes;
    if (this.length > this.buffer.length) {
      const wider = new Uint8Array(Math.max(this.buffer.length * 2, this.length));
      wider.set(this.buffer);
      this.buffer = wider;
      this.view = new DataView(wider.buffer);
    }
    return from;
  }

  private put(bytes: ArrayLike<number>): void {
    // reserve may replace the buffer, so it comes first.
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
  }

  private op(...bytes: number[]): void {
    this.operations++;
    this.put(bytes);
  }

  private uint32(value: number): void {
    const at = this.reserve(4);
    this.view.setUint32(at, value, true);
  }

  private remembered(key: string): boolean {
    const index = this.memo.get(key);
    if (index === undefined) return false;
    if (index < 256) this.op(0x68, index);
    else {
      this.op(0x6a);
      this.uint32(index);
    }
    return true;
  }

  private remember(key: string): void {
    const index = this.memo.size;
    this.memo.set(key, index);
    if (index < 256) this.op(0x71, index);
    else {
      this.op(0x72);
      this.uint32(index);
    }
  }

  none(): void {
    this.op(0x4e);
  }

  bool(value: boolean): void {
    this.op(value ? 0x88 : 0x89);
  }

  /** Whole numbers become ints, all others floats. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.op(0x47);
      const at = this.reserve(8);
      this.view.setFloat64(at, value, false);
    } else if (value >= 0 && value < 256) this.op(0x4b, value);
    else if (value >= -(2 ** 31) && value < 2 ** 31) {
      this.op(0x4a);
      const at = this.reserve(4);
      this.view.setInt32(at, value, true);
    } else this.long(BigInt(value));
  }

  long(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    // Two's complement, as short as its sign allows.
    while (
      !(rest === 0n && (bytes.length === 0 || bytes[bytes.length - 1] < 0x80)) &&
      !(rest === -1n && bytes.length > 0 && bytes[bytes.length - 1] >= 0x80)
    ) {
      bytes.push(Number(rest & 0xffn));
      rest >>= 8n;
    }
    if (bytes.length < 256) this.op(0x8a, bytes.length);
    else {
      this.op(0x8b);
      this.uint32(bytes.length);
    }
    this.put(bytes);
  }

  string(value: string): void {
    const key = `s${value}`;
    if (this.remembered(key)) return;
    const bytes = new TextEncoder().encode(value);
    this.op(0x58);
    this.uint32(bytes.length);
    this.put(bytes);
    this.remember(key);
  }

  /** Protocol 2 has no bytes: they are a string of the same numbers, encoded when it is read. */
  bytes(value: Uint8Array): void {
    this.global('_codecs', 'encode');
    this.string(Array.from(value, (byte) => String.fromCharCode(byte)).join(''));
    this.string('latin1');
    this.op(0x86);
    this.reduce();
  }

  global(module: string, name: string): void {
    const key = `g${module}.${name}`;
    if (this.remembered(key)) return;
    const bytes = new TextEncoder().encode(`c${module}\n${name}\n`);
    this.operations++;
    this.put(bytes);
    this.remember(key);
  }

  mark(): void {
    this.op(0x28);
  }

  tuple(): void {
    this.op(0x74);
  }

  reduce(): void {
    this.op(0x52);
  }

  persistentId(): void {
    this.op(0x51);
  }

  emptyDict(): void {
    this.op(0x7d);
  }

  orderedDict(): void {
    this.global('collections', 'OrderedDict');
    this.op(0x29);
    this.reduce();
  }

  /** Sets items of the dict on top of the stack; `write` writes one key and one value. */
  items<T>(entries: readonly T[], write: (entry: T) => void): void {
    for (let at = 0; at < entries.length; at += batchSize) {
      this.mark();
      for (const entry of entries.slice(at, at + batchSize)) write(entry);
      this.op(0x75);
    }
  }

  list<T>(items: readonly T[], write: (item: T, index: number) => void): void {
    this.op(0x5d);
    for (let at = 0; at < items.length; at += batchSize) {
      this.mark();
      items.slice(at, at + batchSize).forEach((item, i) => write(item, at + i));
      this.op(0x65);
    }
  }

  /** Protocol 2 has no sets: one is a call upon a list. */
  set<T>(items: readonly T[], write: (item: T, index: number) => void): void {
    this.global('__builtin__', 'set');
    this.list(items, write);
    this.op(0x85);
    this.reduce();
  }

  end(): Uint8Array {
    this.op(0x2e);
    return this.buffer.slice(0, this.length);
  }
}
