import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { dtypeNames, manualSeed, randn, tensor, Tensor, zeros } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import {
  exportOnnx,
  load,
  loadModel,
  modelToBytes,
  openFile,
  save,
  saveModel,
  toBytes,
  type FileFormat,
  type Tensors,
} from '../src/index.ts';
import { codeOf, expectSame, scratch, scratchFile, valuesOf } from './helpers.ts';

const structured = ['safetensors', 'pt'] as const satisfies FileFormat[];

/** A structure of everything that can be saved. */
function everything(): Record<string, unknown> {
  const x = tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
  return {
    x,
    transposed: x.t(),
    scalar: tensor(3.5),
    empty: zeros(0, 3),
    numbers: [1, 2.5, -7, 2 ** 40, 1e300, -0, Infinity, -Infinity],
    wide: 123456789012345678901234567890n,
    bytes: Uint8Array.of(0, 127, 128, 255),
    text: 'größer ☃ 𝄞',
    nothing: null,
    truth: [true, false],
    map: new Map<unknown, unknown>([[1, 'one'], ['1', tensor([1n, 2n])]]), // prettier-ignore
    nested: { deep: { er: [{ y: tensor([true, false]) }] } },
    many: Array.from({ length: 2500 }, (_, i) => i),
  };
}

/** Values with their tensors as dtype, shape and numbers. */
function plain(value: unknown): unknown {
  if (value instanceof Tensor) return { dtype: value.dtype, shape: [...value.shape], values: valuesOf(value) };
  if (value instanceof Uint8Array) return { bytes: [...value] };
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return { map: [...value].map(([key, item]) => [key, plain(item)] as const) };
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}

describe('save and load', () => {
  for (const format of structured) {
    it(`brings back tensors, containers and values through ${format}`, async () => {
      const original = everything();
      const file = scratchFile(`everything.${format}`);
      await save(original, file);
      expect(plain(await load<unknown>(file))).toEqual(plain(original));
      expect(plain(await load<unknown>(await toBytes(original, { format })))).toEqual(plain(original));
    });

    it(`keeps every dtype through ${format}`, async () => {
      for (const dtype of dtypeNames) {
        const x = tensor([0, 1, 3, 100], { dtype });
        const state = await load(await toBytes(new Map([['x', x]]), { format }));
        expectSame(state.get('x'), x);
      }
    });

    it(`gives a state dict back as a Map in ${format}`, async () => {
      manualSeed(3);
      const net = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4));
      const state = await load(await toBytes(net.stateDict(), { format }));
      expect(state).toBeInstanceOf(Map);
      const other = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4));
      other.loadStateDict(state);
      for (const [key, value] of net.stateDict()) expectSame(other.stateDict().get(key), value);
    });

    it(`refuses what ${format} cannot hold, by its place`, async () => {
      const file = scratchFile(`refused.${format}`);
      await expect(save({ a: [{ f: () => 1 }] }, file)).rejects.toThrow(/function f at a\.0\.f/);
      await expect(save({ a: new Float32Array(2) }, file)).rejects.toThrow(/tensor\(values\)/);
      await expect(save({ net: new nn.Linear(1, 1) }, file)).rejects.toThrow(/stateDict\(\)/);
      const loop: unknown[] = [];
      loop.push(loop);
      expect(await codeOf(save(loop, file))).toBe('ARGUMENT');
      let deep: unknown = 1;
      for (let i = 0; i < 300; i++) deep = [deep];
      expect(await codeOf(save(deep, file))).toBe('ARGUMENT');
      expect(existsSync(file)).toBe(false);
    });
  }

  it('refuses an extension that stands for no format, unless the format is said, and a value that was forgotten', async () => {
    const file = scratchFile('weights.unknownext');
    const saved = { x: tensor([1]) };
    await expect(save(saved, file)).rejects.toThrow(/ends in \.safetensors, .*\.npz, got \.unknownext\./);
    await expect(saveModel(new nn.Linear(1, 1), file)).rejects.toThrow(/unknownext/);
    await expect(save(undefined, scratchFile('nothing.pt'))).rejects.toThrow(/something to save, got undefined/);
    await expect(toBytes(undefined)).rejects.toThrow(/something to save, got undefined/);
    expect(existsSync(file)).toBe(false);
    await save(saved, file, { format: 'npz' });
    expect(readFileSync(file).subarray(0, 2).toString()).toBe('PK');
    // Without an extension it is safetensors, as in a folder whose name has a dot.
    const plainName = scratchFile('weights');
    await save(saved, plainName);
    expect(plain(await load<unknown>(plainName))).toEqual(plain(saved));
  });

  it('refuses an option that it does not know, and names it', async () => {
    const file = scratchFile('options.safetensors');
    const layer = new nn.Linear(1, 1);
    await save({ x: tensor([1]) }, file);
    const wrong = { formt: 'pt' };
    // @ts-expect-error it is format
    const saving = [save({ x: tensor([1]) }, file, wrong), toBytes({}, wrong), saveModel(layer, file, wrong), modelToBytes(layer, wrong)];
    // @ts-expect-error it is device, maxBytes and the like
    const reading = [load(file, wrong), openFile(file, wrong), loadModel(file, wrong)];
    // @ts-expect-error it is inputNames
    const exporting = exportOnnx(layer, tensor([[1]]), scratchFile('options.onnx'), wrong);
    for (const call of [...saving, ...reading, exporting]) await expect(call).rejects.toThrow(/formt/);
    expect(existsSync(scratchFile('options.onnx'))).toBe(false);
  });

  it('refuses a tensor that was released before it was read', async () => {
    const x = tensor([1]);
    x.dispose();
    expect(await codeOf(toBytes({ x }))).toBe('RELEASED');
  });

  it('writes safetensors whose names are joined by dots, with metadata', async () => {
    const bytes = await toBytes({ model: { weight: tensor([1]) }, list: [tensor([2])] }, { metadata: { author: 'Ada' } });
    const file = await openFile(bytes);
    expect(file.names()).toEqual(['model.weight', 'list.0']);
    expect(file.metadata).toEqual({ author: 'Ada' });
    await file.close();
    // The header, as any other reader sees it: 8 bytes of length, then JSON, and every tensor aligned to its elements.
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, { dtype: string }>;
    expect(header['model.weight']).toEqual({ dtype: 'F32', shape: [1], data_offsets: [0, 4] });
    expect((8 + length) % 8).toBe(0);
  });

  it('keeps names apart that dots would join', async () => {
    const saved = { 'a.b': tensor([1]), a: { b: tensor([2]) } };
    expect(plain(await load<unknown>(await toBytes(saved)))).toEqual(plain(saved));
  });

  it('keeps a field named __proto__ as data', async () => {
    const saved = JSON.parse('{"__proto__": {"polluted": 1}}') as object;
    for (const format of structured) {
      const loaded = await load<object>(await toBytes(saved, { format }));
      expect(Object.keys(loaded)).toEqual(['__proto__']);
      expect('polluted' in loaded).toBe(false);
    }
  });

  it('aligns the storages of a .pt file to 64 bytes and writes each shared one once', async () => {
    const x = tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
    const bytes = await toBytes({ x, t: x.t(), row: x.select(0, 1) }, { format: 'pt' });
    const text = new TextDecoder('latin1').decode(bytes);
    expect(text.match(/archive\/data\/\d/g)).toEqual(['archive/data/0', 'archive/data/0']); // local header and directory
    const local = text.indexOf('archive/data/0') - 30;
    const view = new DataView(bytes.buffer);
    expect((local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)) % 64).toBe(0);
    const loaded = await load<Record<string, Tensor>>(bytes);
    expect(loaded['t'].storage).toBe(loaded['x'].storage);
    expect(loaded['row'].toArraySync()).toEqual([4, 5, 6]);
  });

  it('packs a view that is saved alone', async () => {
    const bytes = await toBytes(new Map([['row', zeros(1000, 1000).select(0, 1)]]), { format: 'pt' });
    expect(bytes.length).toBeLessThan(6000);
  });

  it('reads and writes npy and npz, compressed and big endian too', async () => {
    const x = tensor([[1, 2, 3], [4, 5, 6]], { dtype: 'int16' }); // prettier-ignore
    expectSame(await load<Tensor>(await toBytes(x, { format: 'npy' })), x);
    expectSame(await load<Tensor>(await toBytes(tensor(2), { format: 'npy' })), tensor(2));
    for (const compress of [false, true]) {
      const arrays = await load(await toBytes({ x, deep: { y: x.t() } }, { format: 'npz', compress }));
      expectSame(arrays.get('x'), x);
      expectSame(arrays.get('deep.y'), x.t());
    }
    const header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n".padStart(0);
    const big = new Uint8Array(10 + header.length + 12);
    big.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
    big.set(new TextEncoder().encode(header), 10);
    // Column by column: 1 4, 2 5, 3 6, high bytes first.
    big.set([0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6], 10 + header.length);
    expectSame(await load<Tensor>(big), x);
    await expect(toBytes(tensor([1], { dtype: 'bfloat16' }), { format: 'npy' })).rejects.toThrow(/NumPy/);
  });

  it('takes bytes, Blobs, files, streams and URLs', async () => {
    const state = new Map([['x', tensor([1, 2])]]);
    const bytes = await toBytes(state);
    const file = scratchFile('inputs.safetensors');
    writeFileSync(file, bytes);
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes.subarray(0, 20));
        controller.enqueue(bytes.subarray(20));
        controller.close();
      },
    });
    for (const input of [bytes, bytes.buffer, new Blob([bytes]), stream, file, pathToFileURL(file), new Response(bytes).body ?? bytes]) {
      const loaded = await load<Tensors>(input as Uint8Array);
      expect(loaded.get('x')?.toArraySync()).toEqual([1, 2]);
    }
    await expect(load(new Blob([bytes]).stream() as never, { maxBytes: 10 })).rejects.toMatchObject({ code: 'FILE_LIMIT' });
  });

  it('writes to web streams', async () => {
    const chunks: Uint8Array[] = [];
    const sink = new WritableStream<Uint8Array>({ write: (chunk) => void chunks.push(chunk.slice()) });
    await save(new Map([['x', tensor([1, 2])]]), sink);
    const loaded = await load(new Uint8Array(Buffer.concat(chunks)));
    expect(loaded.get('x')?.toArraySync()).toEqual([1, 2]);
  });

  it('names a file that is not there, and a folder', async () => {
    await expect(load(scratchFile('missing.pt'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', file: scratchFile('missing.pt') });
    await expect(load(scratch, { format: 'pt' })).rejects.toMatchObject({ code: 'FILE_IO' });
    await expect(save(new Map(), scratchFile('no/folder/x.pt'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('leaves the old file whole when saving fails or is aborted, and no other file behind', async () => {
    const file = scratchFile('atomic.safetensors');
    await save(new Map([['x', tensor([1])]]), file);
    const old = readFileSync(file);
    const released = tensor([5]);
    released.dispose();
    await expect(save(new Map([['x', tensor([1])], ['y', released]]), file)).rejects.toThrow(); // prettier-ignore
    const controller = new AbortController();
    const large = new Map(Array.from({ length: 20 }, (_, i) => [`x${i}`, randn(1000)] as const));
    const saving = save(large, file, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(saving).rejects.toMatchObject({ code: 'ABORTED', cause: new Error('enough') });
    expect(readFileSync(file).equals(old)).toBe(true);
    expect(readdirSync(scratch).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('keeps the mode of the file that it replaces', async () => {
    const file = scratchFile('mode.safetensors');
    writeFileSync(file, '', { mode: 0o600 });
    await save(new Map([['x', tensor([1])]]), file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('stops loading when its signal fires', async () => {
    const bytes = await toBytes(new Map([['x', tensor([1])]]));
    expect(await codeOf(load(bytes, { signal: AbortSignal.abort() }))).toBe('ABORTED');
  });

  it('reports progress only once the work has lasted for a second', async () => {
    const seen: number[] = [];
    // A slow sink: 12 chunks of 4 MiB, 150 ms each.
    const slow = new WritableStream<Uint8Array>({ write: () => new Promise((resolve) => setTimeout(resolve, 150)) });
    const started = performance.now();
    let first = Infinity;
    await save(new Map(Array.from({ length: 12 }, (_, i) => [`x${i}`, zeros(2 ** 20)] as const)), slow, {
      onProgress: ({ bytes, totalBytes }) => {
        first = Math.min(first, performance.now() - started);
        seen.push(bytes / totalBytes);
      },
    });
    expect(seen.length).toBeGreaterThan(1);
    expect(first).toBeGreaterThanOrEqual(990);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen[seen.length - 1]).toBeCloseTo(1, 2);
    const quick: number[] = [];
    await toBytes(new Map([['x', tensor([1])]]), { onProgress: ({ bytes }) => quick.push(bytes) });
    expect(quick).toEqual([]);
  });

  it('imports nothing of Node statically, so that it bundles for the browser', () => {
    const folder = new URL('../src/', import.meta.url);
    const sources = readdirSync(folder, { recursive: true }).map(String).filter((name) => name.endsWith('.ts')); // prettier-ignore
    expect(sources.length).toBeGreaterThan(20);
    for (const name of sources) expect(readFileSync(new URL(name, folder), 'utf8'), name).not.toMatch(/from '(node:|fs|path)/);
  });
});

describe('the first bytes', () => {
  it('tell safetensors from a pickle, whatever the length of the header is', async () => {
    // Names of different lengths give headers of all lengths modulo 8; the length 128 begins with the byte of a pickle.
    const lengths = new Set<number>();
    for (let n = 1; n < 200; n++) {
      const bytes = await toBytes({ ['x'.repeat(n)]: tensor([n]) });
      lengths.add(bytes[0]);
      expect(valuesOf((await load<Record<string, Tensor>>(bytes))['x'.repeat(n)])).toEqual([n]);
    }
    expect(lengths.has(0x80)).toBe(true);
  });
});
