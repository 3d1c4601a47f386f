import { readFileSync } from 'node:fs';
import { tensor } from '@flambeau/core';
import { describe, expect, it } from 'vitest';
import { FileError, load, toBytes } from '../src/index.ts';
import { bytesSource } from '../src/files/source.ts';
import { Work } from '../src/files/work.ts';
import { openZip, readEntry } from '../src/zip/read.ts';
import { writeZip } from '../src/zip/write.ts';
import { codeOf, fixture } from './helpers.ts';

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
    ['a size beyond its storage', tensorPickle(0, [5], [1]), 'FILE_SHAPE'],
    ['strides beyond its storage', tensorPickle(0, [2, 2], [4, 1]), 'FILE_SHAPE'],
    ['an offset beyond its storage', tensorPickle(5, [0], [1]), 'FILE_SHAPE'],
    ['negative strides', tensorPickle(3, [2], [-1]), 'FILE_SHAPE'],
    ['a negative size', tensorPickle(0, [-1], [1]), 'FILE_SHAPE'],
    ['fewer strides than sizes', tensorPickle(0, [2, 2], [1]), 'FILE_SHAPE'],
    ['a storage of another length than its bytes', tensorPickle(0, [2], [1], 'FloatStorage', 5), 'FILE_SHAPE'],
    ['a size that overflows', tensorPickle(0, [2 ** 30, 2 ** 30], [0, 0]), 'FILE_LIMIT'],
    ['complex numbers', tensorPickle(0, [2], [1], 'ComplexFloatStorage', 2), 'FILE_NOT_SUPPORTED'],
    ['quantized numbers', tensorPickle(0, [2], [1], 'QInt8Storage', 16), 'FILE_NOT_SUPPORTED'],
    ['a memo entry that is not there', Uint8Array.of(0x68, 7), 'FILE_FORMAT'],
    ['an empty stack', Uint8Array.of(0x30), 'FILE_FORMAT'],
    ['a tuple without a mark', Uint8Array.of(0x74), 'FILE_FORMAT'],
    ['a string that is longer than the file', Uint8Array.of(0x58, 0xff, 0xff, 0xff, 0x7f), 'FILE_TRUNCATED'],
    ['an unknown opcode', Uint8Array.of(0xfe), 'FILE_NOT_SUPPORTED'],
    ['a list that holds itself', Uint8Array.of(0x5d, 0x71, 0, 0x68, 0, 0x61), 'FILE_FORMAT'],
    ['a call of what is no function', Uint8Array.of(0x4b, 1, 0x29, 0x52), 'FILE_FORMAT'],
    ['100,000 levels of lists', new Uint8Array(100_000).fill(0x5d), 'FILE_LIMIT_OR_TOP'],
  ])('refuses %s', async (_, pickle, code) => {
    if (code !== 'FILE_LIMIT_OR_TOP') {
      expect(await codeOf(load(await withPickle(pickle)))).toBe(code);
      return;
    }
    // n lists on the stack, then n - 1 appends: each becomes the only item of the one before.
    const deep = join(pickle, new Uint8Array(pickle.length - 1).fill(0x61));
    expect(await codeOf(load(await withPickle(deep)))).toBe('FILE_LIMIT');
  });

  it('reads a structure that doubles itself forty times without spelling it out, and refuses to name its parts', async () => {
    // x0 = [], x(i+1) = [xi, xi]: 2⁴⁰ lists when spelled out, 40 in memory.
    let pickle: Uint8Array = Uint8Array.of(0x5d, 0x71, 0);
    for (let i = 1; i <= 40; i++) pickle = join(pickle, [0x30, 0x5d, 0x71, i, 0x68, i - 1, 0x61, 0x68, i - 1, 0x61]);
    expect(await codeOf(load(await withPickle(pickle)))).toBe('FILE_LIMIT');
  });
});

describe('zip archives', () => {
  it.each(['../evil', '/etc/passwd', 'a/../../b', 'C:\\evil', 'a\\b', './a', 'nul\0name'])('refuses the path %j', async (name) => {
    expect(await codeOf(load(await archive({ [name]: text('x') }), { format: 'npz' }))).toBe('FILE_PATH');
  });

  it('refuses entries that overlap', async () => {
    const bytes = await archive({ 'a.npy': new Uint8Array(100), 'b.npy': new Uint8Array(100) });
    const view = new DataView(bytes.buffer);
    // The second directory entry is made to point at the first local header.
    const second = Buffer.from(bytes).lastIndexOf(Uint8Array.of(0x50, 0x4b, 1, 2));
    view.setUint32(second + 42, 0, true);
    expect(await codeOf(load(bytes, { format: 'npz' }))).toBe('FILE_OVERLAP');
  });

  it('refuses an entry that claims more than it can unpack to, and one that unpacks to more than it claims', async () => {
    const bytes = await archive({ 'a.npy': new Uint8Array(1_000_000) }, true);
    const directory = Buffer.from(bytes).lastIndexOf(Uint8Array.of(0x50, 0x4b, 1, 2));
    const bomb = bytes.slice();
    new DataView(bomb.buffer).setUint32(directory + 24, 0xfffffff0, true);
    expect(await codeOf(load(bomb, { format: 'npz' }))).toBe('FILE_LIMIT');
    const modest = bytes.slice();
    new DataView(modest.buffer).setUint32(directory + 24, 100, true);
    const opened = await openZip(bytesSource(modest, 'modest.npz'));
    const [entry] = opened.entries.values();
    expect(await codeOf(readEntry(opened, entry, new Work('load', 'modest.npz', {})))).toBe('FILE_LIMIT');
    expect(await codeOf(load(modest, { format: 'npz' }))).toBe('FILE_FORMAT'); // its zeros are no npy file
  });

  it('refuses a checksum that does not fit, a cut file, and two entries of one name', async () => {
    const good = new Uint8Array(readFileSync(fixture('cnn.pt')));
    const flipped = good.slice();
    const data = Buffer.from(good).indexOf('data/0') + 200;
    flipped[data] ^= 1;
    expect(await codeOf(load(flipped))).toBe('FILE_CHECKSUM');
    expect(await codeOf(load(good.subarray(0, good.length - 30)))).toBe('FILE_TRUNCATED');
    const twice = await archive({ 'a.npy': text('x'), 'b.npy': text('x') });
    const named = Uint8Array.from(twice, (byte) => (byte === 0x62 ? 0x61 : byte));
    expect(await codeOf(load(named, { format: 'npz' }))).toBe('FILE_FORMAT');
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
    ['a header longer than its limit', join(new Uint8Array(8).fill(0x7f), text('{}')), 'FILE_LIMIT'],
    ['a header longer than the file', join([200, 0, 0, 0, 0, 0, 0, 0], text('{}')), 'FILE_TRUNCATED'],
    ['a header that is no JSON', safetensors('{"x": '), 'FILE_FORMAT'],
    ['a header that is a list', safetensors([]), 'FILE_FORMAT'],
    ['an unknown dtype', safetensors(entry([1], [0, 4], 'F8_E4M3'), 4), 'FILE_NOT_SUPPORTED'],
    ['a shape that does not fit its bytes', safetensors(entry([3], [0, 8]), 8), 'FILE_SHAPE'],
    ['a shape that overflows', safetensors(entry([2 ** 40, 2 ** 40], [0, 4]), 4), 'FILE_LIMIT'],
    ['a negative size', safetensors(entry([-1], [0, 4]), 4), 'FILE_SHAPE'],
    ['offsets in the wrong order', safetensors(entry([1], [4, 0]), 4), 'FILE_FORMAT'],
    ['offsets beyond the file', safetensors(entry([4], [0, 16]), 8), 'FILE_TRUNCATED'],
    ['bytes after the last tensor', safetensors(entry([1], [0, 4]), 8), 'FILE_FORMAT'],
    ['a gap', safetensors(entry([1], [4, 8]), 8), 'FILE_FORMAT'],
    ['metadata of numbers', safetensors({ __metadata__: { a: 1 } }), 'FILE_FORMAT'],
    [
      'a structure that names a tensor that is not there',
      safetensors({ __metadata__: { 'flambeau.structure': '["t","y"]' } }),
      'FILE_FORMAT',
    ],
    [
      'a structure of 5000 levels',
      safetensors({ __metadata__: { 'flambeau.structure': `${'["l",'.repeat(5000)}1${']'.repeat(5000)}` } }),
      'FILE_LIMIT',
    ],
    ['an empty file', new Uint8Array(0), 'FILE_TRUNCATED'],
  ])('refuses %s', async (_, bytes, code) => {
    expect(await codeOf(load(bytes, { format: 'safetensors' }))).toBe(code);
  });

  it('refuses tensors that overlap', async () => {
    const overlapping = { a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] }, b: { dtype: 'F32', shape: [2], data_offsets: [4, 12] } };
    expect(await codeOf(load(safetensors(overlapping, 12), { format: 'safetensors' }))).toBe('FILE_OVERLAP');
  });
});

describe('npy files', () => {
  const npy = (header: string, data: number): Uint8Array =>
    join([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0], text(header), new Uint8Array(data));

  it.each([
    ['pickled objects', npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8), 'FILE_NOT_ALLOWED'],
    ['complex numbers', npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8), 'FILE_NOT_SUPPORTED'],
    ['structured types', npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4), 'FILE_NOT_SUPPORTED'],
    ['a header that says something else', npy('import os', 0), 'FILE_FORMAT'],
    ['too few bytes', npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 4), 'FILE_TRUNCATED'],
    ['too many bytes', npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 8), 'FILE_SHAPE'],
  ])('refuses %s', async (_, bytes, code) => {
    expect(await codeOf(load(bytes))).toBe(code);
  });
});

it('tells the format by its content where there is no extension', async () => {
  for (const format of ['safetensors', 'pt', 'npz'] as const) {
    const loaded = await load(await toBytes(new Map([['x', tensor([1])]]), { format }));
    expect([...loaded.keys()]).toEqual(['x']);
  }
});
