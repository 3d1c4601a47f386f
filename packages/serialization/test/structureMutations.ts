import { writeZip } from '../src/zip/write.ts';
import { bytesSource } from '../src/files/source.ts';
import { Work } from '../src/files/work.ts';
import { openZip, readEntry } from '../src/zip/read.ts';

// Mutations that know what they touch. Random bytes are refused by the first check that they meet; these keep everything around them whole, checksums
// and lengths included, so that what lies deeper is reached: the fields of zip headers, the operations of a pickle, the numbers of a JSON header.

/** Gives numbers from 0 to 2³² - 1. */
export type Numbers = () => number;

/** Sizes at the edges of their types and of what memory holds. */
const sizes = [
  0,
  1,
  2,
  7,
  8,
  255,
  256,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 40,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  1e300,
];
const pick = <T>(items: readonly T[], next: Numbers): T => items[next() % items.length];

const textOf = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes);
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const joined = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))));

/** Where a record of a zip archive has its numbers: offset and width of each field. */
const zipRecords: Readonly<Record<number, readonly (readonly [number, number])[]>> = {
  0x04034b50: [[4, 2], [6, 2], [8, 2], [14, 4], [18, 4], [22, 4], [26, 2], [28, 2]],
  0x02014b50: [[8, 2], [10, 2], [16, 4], [20, 4], [24, 4], [28, 2], [30, 2], [32, 2], [42, 4]],
  0x06054b50: [[4, 2], [6, 2], [8, 2], [10, 2], [12, 4], [16, 4], [20, 2]],
  0x06064b50: [[4, 4], [24, 4], [32, 4], [40, 4], [48, 4], [52, 4]],
  0x07064b50: [[4, 4], [8, 4], [12, 4], [16, 4]],
}; // prettier-ignore

/** Changes some fields of the records of a zip archive: to an edge, to a number of another field, or by a little. */
export function mutateZip(original: Uint8Array, next: Numbers): Uint8Array {
  const bytes = original.slice();
  const view = new DataView(bytes.buffer);
  const fields: (readonly [number, number])[] = [];
  for (let at = 0; at + 46 <= bytes.length || at + 22 <= bytes.length; at++) {
    if (bytes[at] !== 0x50 || bytes[at + 1] !== 0x4b) continue;
    for (const [offset, width] of zipRecords[view.getUint32(at, true)] ?? [])
      if (at + offset + width <= bytes.length) fields.push([at + offset, width]);
  }
  const read = ([at, width]: readonly [number, number]): number => (width === 2 ? view.getUint16(at, true) : view.getUint32(at, true));
  for (let changes = 1 + (next() % 3); changes > 0 && fields.length > 0; changes--) {
    const field = pick(fields, next);
    const value = [pick(sizes, next), read(pick(fields, next)), read(field) + (next() % 9) - 4, bytes.length - (next() % 64), next()][
      next() % 5
    ];
    if (field[1] === 2) view.setUint16(field[0], value % 65536, true);
    else view.setUint32(field[0], value % 2 ** 32, true);
  }
  return bytes;
}

/** The bytes after each operation: fixed ones, or those that a length in front announces, or up to a number of newlines. */
const fixed: Readonly<Record<number, number>> = {
  0x80: 1,
  0x95: 8,
  0x4b: 1,
  0x4d: 2,
  0x4a: 4,
  0x47: 8,
  0x71: 1,
  0x72: 4,
  0x68: 1,
  0x6a: 4,
};
const counted: Readonly<Record<number, number>> = {
  0x8a: 1,
  0x8b: 4,
  0x58: 4,
  0x8c: 1,
  0x8d: 8,
  0x55: 1,
  0x54: 4,
  0x43: 1,
  0x42: 4,
  0x8e: 8,
  0x96: 8,
};

/** The operations of the pickle that begins at `from`, up to its STOP. */
function operationsOf(bytes: Uint8Array, from: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Uint8Array[] = [];
  for (let at = from; at < bytes.length;) {
    const code = bytes[at];
    let end = at + 1 + (fixed[code] ?? 0);
    const width = counted[code];
    if (width !== undefined) end += width + (width === 1 ? bytes[at + 1] : view.getUint32(at + 1, true));
    if (code === 0x63) end = bytes.indexOf(0x0a, bytes.indexOf(0x0a, at) + 1) + 1;
    found.push(bytes.subarray(at, end));
    at = end;
    if (code === 0x2e) break;
  }
  return found;
}

const little = (value: number, width: number): number[] => Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** i) % 256);

/** Operations that need something of the stack, make much of little, or announce more than there is. */
function anyOperation(next: Numbers): readonly number[] | Uint8Array {
  const size = pick(sizes, next);
  const globals = ['torch\nFloatStorage', 'torch\nLongStorage', 'torch._utils\n_rebuild_tensor_v2', 'collections\nOrderedDict', 'collections\nCounter', 'builtins\nset', '_codecs\nencode',
    'torch\nSize', 'torch\ndevice', 'torch.return_types\nmax', 'torch._tensor\n_rebuild_from_type_v2', 'torch\nTensor', 'builtins\nbytes', 'os\nsystem', 'torch\nfloat32', 'builtins\neval']; // prettier-ignore
  const plain = [
    0x28, 0x30, 0x31, 0x32, 0x4e, 0x88, 0x89, 0x5d, 0x7d, 0x8f, 0x29, 0x85, 0x86, 0x87, 0x74, 0x6c, 0x64, 0x61, 0x65, 0x90, 0x91, 0x73,
    0x75, 0x94, 0x93, 0x52, 0x81, 0x92, 0x62, 0x51, 0x2e,
  ];
  switch (next() % 6) {
    case 0:
      return bytesOf(`c${pick(globals, next)}\n`);
    case 1:
      return [pick([0x71, 0x68], next), next() % 16];
    case 2:
      return [0x4a, ...little(size, 4)];
    case 3: {
      const code = pick(Object.keys(counted).map(Number), next);
      return [code, ...little(size, counted[code])];
    }
    case 4:
      return [0x8a, 8, ...little(size, 8)];
    default:
      return [pick(plain, next)];
  }
}

/** Leaves out, repeats, exchanges and inserts operations of a pickle, and changes the numbers in them. */
export function mutatePickle(pickle: Uint8Array, next: Numbers, from = 0): Uint8Array {
  const operations = operationsOf(pickle, from);
  const rest = pickle.subarray(from + operations.reduce((n, { length }) => n + length, 0));
  const list: (Uint8Array | readonly number[])[] = operations;
  for (let changes = 1 + (next() % 4); changes > 0; changes--) {
    const at = next() % Math.max(list.length, 1);
    switch (next() % 6) {
      case 0:
        list.splice(at, 1 + (next() % 3));
        break;
      case 1:
        list.splice(at, 0, ...list.slice(at, at + 1 + (next() % 8)));
        break;
      case 2: {
        const other = next() % Math.max(list.length, 1);
        const kept = list[at] ?? [];
        list[at] = list[other] ?? [];
        list[other] = kept;
        break;
      }
      case 3: {
        // the next number becomes another one
        const place = list.findIndex((operation, i) => i >= at && [0x4b, 0x4d, 0x4a].includes(operation[0]));
        if (place >= 0)
          list[place] =
            next() % 2 === 0
              ? [0x8a, 8, ...little(pick(sizes, next), 8)]
              : [0x4a, ...little(next() % 2 === 0 ? pick(sizes, next) : 2 ** 32 - 1 - (next() % 16), 4)];
        break;
      }
      case 4: {
        // many times over
        const operation = anyOperation(next);
        list.splice(at, 0, ...Array.from({ length: next() % 2000 }, () => operation));
        break;
      }
      default:
        list.splice(at, 0, anyOperation(next));
    }
  }
  return joined(pickle.subarray(0, from), ...list, rest);
}

/** Values of JSON that a reader may stumble over. */
const values: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  '',
  '__proto__',
  [],
  {},
  [[]],
  'F32',
  '9'.repeat(5000),
  ...sizes,
  [0, 0],
  [2 ** 53, 2 ** 53],
  [-4, 4],
];

/** Changes one value anywhere in parsed JSON, leaves one out, or puts one of its own parts into another place. */
export function mutateJson(root: unknown, next: Numbers): unknown {
  const copy: unknown = structuredClone(root);
  const places: [object, string][] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      places.push([value, key]);
      walk((value as Record<string, unknown>)[key]);
    }
  };
  walk(copy);
  if (places.length === 0) return pick(values, next);
  for (let changes = 1 + (next() % 2); changes > 0; changes--) {
    const [holder, key] = pick(places, next);
    const fields = holder as Record<string, unknown>;
    switch (next() % 4) {
      case 0:
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete fields[key];
        break;
      case 1: {
        const [other, name] = pick(places, next);
        fields[key] = structuredClone((other as Record<string, unknown>)[name]);
        break;
      }
      case 2: {
        const old = fields[key];
        fields[key] = typeof old === 'number' ? old + (next() % 17) - 8 : pick(values, next);
        break;
      }
      default:
        fields[key] = pick(values, next);
    }
  }
  return copy;
}

/** Changes a JSON text, or a text in JSON inside of it: what `flambeau.structure` and `flambeau.network` hold. */
function mutateJsonText(text: string, next: Numbers): string {
  const parsed = JSON.parse(text) as Record<string, unknown>;
  const metadata = parsed['__metadata__'] as Record<string, string> | undefined;
  const inner = Object.keys(metadata ?? {}).filter((key) => key.startsWith('flambeau.'));
  if (metadata === undefined || inner.length === 0 || next() % 2 === 0) return JSON.stringify(mutateJson(parsed, next)) ?? '';
  const key = pick(inner, next);
  metadata[key] = JSON.stringify(mutateJson(JSON.parse(metadata[key]), next)) ?? '';
  return JSON.stringify(parsed);
}

/** Changes the header of a safetensors file, whose length is told anew, and sometimes the bytes after it. */
export function mutateSafetensors(bytes: Uint8Array, next: Numbers): Uint8Array {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const text = new TextEncoder().encode(mutateJsonText(new TextDecoder().decode(bytes.subarray(8, 8 + length)), next));
  const data = bytes.subarray(8 + length);
  const told = next() % 8 === 0 ? pick(sizes, next) : text.length;
  return joined(little(told, 8), text, next() % 4 === 0 ? data.subarray(0, next() % (data.length + 1)) : data);
}

/** Changes the literal at the start of an npy file, whose length is told anew. */
export function mutateNpy(bytes: Uint8Array, next: Numbers): Uint8Array {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  let text = textOf(bytes.subarray(10, 10 + length));
  const tokens = ['True', 'False', '(', ')', ',', "'", ':', '{', '}', '<', '>', '|', '=', 'f4', 'c16', 'O', 'U10', 'M8[ns]', 'shape', 'descr', 'fortran_order', '-1', '1e3', '0x10', '2L', String.fromCharCode(0), ...sizes.map(String), '9'.repeat(400)]; // prettier-ignore
  for (let changes = 1 + (next() % 3); changes > 0; changes--) {
    const words = text.split(/(\W)/);
    words[next() % words.length] = pick(tokens, next);
    text = words.join('');
  }
  const version = next() % 8 === 0 ? next() % 6 : 1 + (next() % 3);
  const told = next() % 8 === 0 ? pick(sizes, next) : text.length;
  const head = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0, ...little(told, version >= 2 ? 4 : 2)];
  return joined(head, bytesOf(text), bytes.subarray(10 + length));
}

/** Puts an archive together anew, one of whose entries was changed: its sizes and checksums hold. */
export async function mutateEntry(bytes: Uint8Array, next: Numbers): Promise<Uint8Array> {
  const archive = await openZip(bytesSource(bytes, 'seed'));
  const work = new Work('load', 'seed', {});
  const entries = await Promise.all(
    [...archive.entries.values()].map(async (entry) => ({ name: entry.name, bytes: await readEntry(archive, entry, work) })),
  );
  const pickle = entries.findIndex(({ name }) => name.endsWith('data.pkl'));
  const chosen = pickle >= 0 && next() % 8 !== 0 ? pickle : next() % entries.length;
  const { name, bytes: old } = entries[chosen];
  const changed = name.endsWith('.pkl')
    ? mutatePickle(old, next)
    : name.endsWith('.npy')
      ? mutateNpy(old, next)
      : old.subarray(0, next() % (old.length + 1));
  const inputs = entries.map((entry, i) => ({ name: entry.name, bytes: () => (i === chosen ? changed : entry.bytes) }));
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeZip(inputs, { compress: next() % 2 === 0 })) chunks.push(chunk);
  return joined(...chunks);
}

/** Changes a file by what it is: a zip archive's records or one of its entries, or the header of any other format. */
export async function mutateStructure(bytes: Uint8Array, next: Numbers): Promise<Uint8Array> {
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) return next() % 2 === 0 ? mutateZip(bytes, next) : mutateEntry(bytes, next);
  if (bytes[0] === 0x93) return mutateNpy(bytes, next);
  if (bytes[0] !== 0x80) return mutateSafetensors(bytes, next);
  // A legacy file: five pickles, the fourth of which is the object.
  const starts = [0];
  for (let i = 0; i < 4; i++) starts.push(starts[i] + operationsOf(bytes, starts[i]).reduce((n, { length }) => n + length, 0));
  return mutatePickle(bytes, next, starts[[3, 3, 3, 4, 2, 0][next() % 6]]);
}
