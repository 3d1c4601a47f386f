import { readFileSync } from 'node:fs';
import { tensor } from '@flambeau/core';
import { describe, expect, it } from 'vitest';
import { FileError, load, toBytes } from '../src/index.ts';
import { bytesSource } from '../src/files/source.ts';
import { Work } from '../src/files/work.ts';
import { openZip, readEntry } from '../src/zip/read.ts';
import { writeZip } from '../src/zip/write.ts';
import { fixture } from './helpers.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const join = (...parts: (Uint8Array | readonly number[])[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

async function archive(entries: Readonly<Record<string, Uint8Array>>, compress = false): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const inputs = Object.entries(entries).map(([name, bytes]) => ({ name, bytes: () => bytes }));
  for await (const chunk of writeZip(inputs, { compress })) chunks.push(chunk);
  return join(...chunks);
}

/** A .pt archive around a pickle of protocol 2, without its PROTO and STOP. */
const withPickle = async (...pickle: (Uint8Array | readonly number[])[]): Promise<Uint8Array> =>
  archive({ 'archive/data.pkl': join([0x80, 2], ...pickle, [0x2e]), 'archive/data/0': new Uint8Array(16), 'archive/version': text('3\n') });

const unicode = (value: string): Uint8Array => join([0x58, text(value).length, 0, 0, 0], text(value));
const short = (value: string): Uint8Array => join([0x8c, text(value).length], text(value));

/** A tensor of a storage of 4 floats. */
const tensorPickle = (
  offset: number,
  size: readonly number[],
  strides: readonly number[],
  type = 'FloatStorage',
  length = 4,
): Uint8Array => {
  const int = (n: number): Uint8Array => join([0x4a], new Uint8Array(Int32Array.of(n).buffer));
  return join(
    text('ctorch._utils\n_rebuild_tensor_v2\n'),
    [0x28, 0x28], unicode('storage'), text(`ctorch\n${type}\n`), unicode('0'), unicode('cpu'), int(length), [0x74, 0x51],
    int(offset), [0x28], ...size.map(int), [0x74, 0x28], ...strides.map(int), [0x74, 0x89], text('ccollections\nOrderedDict\n'), [0x29, 0x52, 0x74, 0x52],
  ); // prettier-ignore
};

function safetensors(header: unknown, data = 0): Uint8Array {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text(json).length), true);
  return join(length, text(json), new Uint8Array(data));
}

/** Code, file and byte of the error that a promise is rejected with. */
async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.then(
    () => 'no error',
    (caught: unknown) => caught,
  );
  return error instanceof FileError ? { code: error.code, file: error.file, byte: error.byte } : error;
}

describe('pickles', () => {
  it('refuses a function by its name, with file and byte', async () => {
    // cposix\nsystem\n (S'true' tR.: what pickle.dumps gives for os.system
    const evil = await withPickle(text('cposix\nsystem\n'), unicode('true'), [0x85, 0x52]);
    const error = await load(evil, { name: 'evil.pt' }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ code: 'FILE_NOT_ALLOWED', file: 'evil.pt: archive/data.pkl', byte: 2 });
    expect((error as Error).message).toContain('posix.system is not allowed');
  });

  it.each(['builtins.eval', 'builtins.exec', 'builtins.getattr', 'os.system', 'subprocess.Popen', 'torch.load', 'torch.hub.load', 'numpy.core.multiarray._reconstruct', 'functools.partial', '__main__.Net'])(
    'refuses %s, in the text form and from the stack',
    async (name) => {
      const at = name.lastIndexOf('.');
      const [module, member] = [name.slice(0, at), name.slice(at + 1)];
      await expect(load(await withPickle(text(`c${module}\n${member}\n`)))).rejects.toThrow(`${name} is not allowed`);
      await expect(load(await withPickle(short(module), short(member), [0x93]))).rejects.toThrow(`${name} is not allowed`);
    },
  ); // prettier-ignore

  it('refuses a legacy file in the same way', async () => {
    const bytes = new Uint8Array(readFileSync(fixture('legacy.pt')));
    const at = Buffer.from(bytes).indexOf('ctorch._utils\n_rebuild_tensor_v2\n');
    const evil = bytes.slice();
    evil.set(text('cposix.....\nsystem............\n\n'), at);
    await expect(load(evil)).rejects.toMatchObject({ code: 'FILE_NOT_ALLOWED', byte: at });
  });

  it('reads its own well-formed tensors, so that the refusals below are for what they say', async () => {
    const loaded = await load<{ shape: number[] }>(await withPickle(tensorPickle(0, [2, 2], [2, 1])));
    expect(loaded.shape).toEqual([2, 2]);
  });

  it.each([
    ['a size beyond its storage', tensorPickle(0, [5], [1]), 'FILE_SHAPE', 138],
    ['strides beyond its storage', tensorPickle(0, [2, 2], [4, 1]), 'FILE_SHAPE', 148],
    ['an offset beyond its storage', tensorPickle(5, [0], [1]), 'FILE_SHAPE', 138],
    ['negative strides', tensorPickle(3, [2], [-1]), 'FILE_SHAPE', 138],
    ['a negative size', tensorPickle(0, [-1], [1]), 'FILE_SHAPE', 138],
    ['fewer strides than sizes', tensorPickle(0, [2, 2], [1]), 'FILE_SHAPE', 143],
    ['a storage of another length than its bytes', tensorPickle(0, [2], [1], 'FloatStorage', 5), 'FILE_SHAPE', 186],
    ['a size that overflows', tensorPickle(0, [2 ** 30, 2 ** 30], [0, 0]), 'FILE_LIMIT', 148],
    ['complex numbers', tensorPickle(0, [2], [1], 'ComplexFloatStorage', 2), 'FILE_NOT_SUPPORTED', 49],
    ['quantized numbers', tensorPickle(0, [2], [1], 'QInt8Storage', 16), 'FILE_NOT_SUPPORTED', 49],
    ['a memo entry that is not there', Uint8Array.of(0x68, 7), 'FILE_FORMAT', 2],
    ['an empty stack', Uint8Array.of(0x30), 'FILE_FORMAT', 2],
    ['a tuple without a mark', Uint8Array.of(0x74), 'FILE_FORMAT', 2],
    ['a string that is longer than the file', Uint8Array.of(0x58, 0xff, 0xff, 0xff, 0x7f), 'FILE_TRUNCATED', 7],
    ['an unknown opcode', Uint8Array.of(0xfe), 'FILE_NOT_SUPPORTED', 2],
    ['a list that holds itself', Uint8Array.of(0x5d, 0x71, 0, 0x68, 0, 0x61), 'FILE_FORMAT', 0],
    ['a call of what is no function', Uint8Array.of(0x4b, 1, 0x29, 0x52), 'FILE_FORMAT', 5],
  ])('refuses %s', async (_, pickle, code, byte) => {
    // What only the archive can tell is said of the archive.
    const file = byte === 186 ? 'evil.pt' : 'evil.pt: archive/data.pkl';
    expect(await refusalOf(load(await withPickle(pickle), { name: 'evil.pt' }))).toEqual({ code, file, byte });
  });

  it('refuses 100,000 levels of lists', async () => {
    // n lists on the stack, then n - 1 appends: each becomes the only item of the one before.
    const deep = join(new Uint8Array(100_000).fill(0x5d), new Uint8Array(99_999).fill(0x61));
    expect(await refusalOf(load(await withPickle(deep)))).toEqual({ code: 'FILE_LIMIT', file: 'bytes: archive/data.pkl', byte: 0 });
  });

  it('refuses to name the parts of a structure that doubles itself forty times', async () => {
    // x0 = [], x(i+1) = [xi, xi]: 2⁴⁰ lists when spelled out, 40 in memory.
    let pickle: Uint8Array = Uint8Array.of(0x5d, 0x71, 0);
    for (let i = 1; i <= 40; i++) pickle = join(pickle, [0x30, 0x5d, 0x71, i, 0x68, i - 1, 0x61, 0x68, i - 1, 0x61]);
    expect(await refusalOf(load(await withPickle(pickle)))).toEqual({ code: 'FILE_LIMIT', file: 'bytes: archive/data.pkl', byte: 0 });
  });
});

describe('zip archives', () => {
  it.each(['../evil', '/etc/passwd', 'a/../../b', 'C:\\evil', 'a\\b', './a', 'nul\0name'])('refuses the path %j', async (name) => {
    // A local header of 30 bytes, the name and one byte lie before the directory.
    const byte = 30 + name.length + 1;
    expect(await refusalOf(load(await archive({ [name]: text('x') }), { format: 'npz' }))).toEqual({
      code: 'FILE_PATH',
      file: 'bytes',
      byte,
    });
  });

  it('refuses entries that overlap', async () => {
    const bytes = await archive({ 'a.npy': new Uint8Array(100), 'b.npy': new Uint8Array(100) });
    const view = new DataView(bytes.buffer);
    // The second directory entry is made to point at the first local header.
    const second = Buffer.from(bytes).lastIndexOf(Uint8Array.of(0x50, 0x4b, 1, 2));
    view.setUint32(second + 42, 0, true);
    expect(await refusalOf(load(bytes, { format: 'npz' }))).toEqual({ code: 'FILE_OVERLAP', file: 'bytes', byte: 0 });
  });

  it('refuses an entry that claims more than it can unpack to, and one that unpacks to more than it claims', async () => {
    const bytes = await archive({ 'a.npy': new Uint8Array(1_000_000) }, true);
    const directory = Buffer.from(bytes).lastIndexOf(Uint8Array.of(0x50, 0x4b, 1, 2));
    const bomb = bytes.slice();
    new DataView(bomb.buffer).setUint32(directory + 24, 0xfffffff0, true);
    expect(await refusalOf(load(bomb, { format: 'npz' }))).toEqual({ code: 'FILE_LIMIT', file: 'bytes', byte: directory });
    const modest = bytes.slice();
    new DataView(modest.buffer).setUint32(directory + 24, 100, true);
    const opened = await openZip(bytesSource(modest, 'modest.npz'));
    const [entry] = opened.entries.values();
    // The packed bytes begin after a local header of 30 bytes and the name.
    const unpacking = readEntry(opened, entry, new Work('load', 'modest.npz', {}));
    expect(await refusalOf(unpacking)).toEqual({ code: 'FILE_LIMIT', file: 'modest.npz', byte: 35 });
    // Its zeros are no npy file.
    expect(await refusalOf(load(modest, { format: 'npz' }))).toEqual({ code: 'FILE_FORMAT', file: 'bytes: a.npy', byte: 0 });
  });

  it('refuses a checksum that does not fit, a cut file, and two entries of one name', async () => {
    const good = new Uint8Array(readFileSync(fixture('cnn.pt')));
    const flipped = good.slice();
    const data = Buffer.from(good).indexOf('data/0') + 200;
    flipped[data] ^= 1;
    expect(await refusalOf(load(flipped))).toEqual({ code: 'FILE_CHECKSUM', file: 'bytes', byte: 1344 }); // where the entry's bytes begin
    expect(await refusalOf(load(good.subarray(0, good.length - 30)))).toEqual({
      code: 'FILE_TRUNCATED',
      file: 'bytes',
      byte: good.length - 30,
    });
    const twice = await archive({ 'a.npy': text('x'), 'b.npy': text('x') });
    const named = Uint8Array.from(twice, (byte) => (byte === 0x62 ? 0x61 : byte));
    // Two entries of 36 bytes, then the directory, whose first entry takes 51.
    expect(await refusalOf(load(named, { format: 'npz' }))).toEqual({ code: 'FILE_FORMAT', file: 'bytes', byte: 123 });
  });

  it('refuses a TorchScript archive with what to do', async () => {
    const script = await archive({ 'm/data.pkl': Uint8Array.of(0x80, 2, 0x4e, 0x2e), 'm/constants.pkl': text('x') });
    await expect(load(script)).rejects.toThrow(/state_dict/);
  });
});

describe('safetensors files', () => {
  const entry = (shape: readonly unknown[], offsets: readonly unknown[], dtype: unknown = 'F32'): object => ({
    x: { dtype, shape, data_offsets: offsets },
  });

  it.each([
    ['a header longer than its limit', join(new Uint8Array(8).fill(0x7f), text('{}')), 'FILE_LIMIT', 0],
    ['a header longer than the file', join([200, 0, 0, 0, 0, 0, 0, 0], text('{}')), 'FILE_TRUNCATED', 8],
    ['a header that is no JSON', safetensors('{"x": '), 'FILE_FORMAT', 8],
    ['a header that is a list', safetensors([]), 'FILE_FORMAT', 8],
    ['an unknown dtype', safetensors(entry([1], [0, 4], 'F8_E4M3'), 4), 'FILE_NOT_SUPPORTED', 8],
    ['a shape that does not fit its bytes', safetensors(entry([3], [0, 8]), 8), 'FILE_SHAPE', 8],
    ['a shape that overflows', safetensors(entry([2 ** 40, 2 ** 40], [0, 4]), 4), 'FILE_LIMIT', 8],
    ['a negative size', safetensors(entry([-1], [0, 4]), 4), 'FILE_SHAPE', 8],
    ['offsets in the wrong order', safetensors(entry([1], [4, 0]), 4), 'FILE_FORMAT', 8],
    ['offsets beyond the file', safetensors(entry([4], [0, 16]), 8), 'FILE_TRUNCATED', 71],
    ['bytes after the last tensor', safetensors(entry([1], [0, 4]), 8), 'FILE_FORMAT', 66],
    ['a gap', safetensors(entry([1], [4, 8]), 8), 'FILE_FORMAT', 66],
    ['metadata of numbers', safetensors({ __metadata__: { a: 1 } }), 'FILE_FORMAT', 8],
    [
      'a structure that names a tensor that is not there',
      safetensors({ __metadata__: { 'flambeau.structure': '["t","y"]' } }),
      'FILE_FORMAT',
      8,
    ],
    [
      'a structure of 5000 levels',
      safetensors({ __metadata__: { 'flambeau.structure': `${'["l",'.repeat(5000)}1${']'.repeat(5000)}` } }),
      'FILE_LIMIT',
      8,
    ],
    ['an empty file', new Uint8Array(0), 'FILE_TRUNCATED', 0],
  ])('refuses %s', async (_, bytes, code, byte) => {
    expect(await refusalOf(load(bytes, { format: 'safetensors' }))).toEqual({ code, file: 'bytes', byte });
  });

  it('refuses tensors that overlap', async () => {
    const overlapping = { a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] }, b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] } };
    // b begins 4 bytes after a, in the middle of it: 8 bytes of length, the header, 4.
    const byte = 8 + JSON.stringify(overlapping).length + 4;
    expect(await refusalOf(load(safetensors(overlapping, 12), { format: 'safetensors' }))).toEqual({
      code: 'FILE_OVERLAP',
      file: 'bytes',
      byte,
    });
  });
});

describe('npy files', () => {
  const npy = (header: string, data: number): Uint8Array =>
    join([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0], text(header), new Uint8Array(data));

  it.each([
    ['pickled objects', npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8), 'FILE_NOT_ALLOWED', 10],
    ['complex numbers', npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8), 'FILE_NOT_SUPPORTED', 10],
    ['structured types', npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4), 'FILE_NOT_SUPPORTED', 10],
    ['a header that says something else', npy('import os', 0), 'FILE_FORMAT', 10],
    ['too few bytes', npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 4), 'FILE_TRUNCATED', 67],
    ['too many bytes', npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 8), 'FILE_SHAPE', 67],
  ])('refuses %s', async (_, bytes, code, byte) => {
    expect(await refusalOf(load(bytes))).toEqual({ code, file: 'bytes', byte });
  });
});

it('tells the format by its content where there is no extension', async () => {
  for (const format of ['safetensors', 'pt', 'npz'] as const) {
    const loaded = await load(await toBytes(new Map([['x', tensor([1])]]), { format }));
    expect([...loaded.keys()]).toEqual(['x']);
  }
});
