import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tensor, Tensor } from '@flambeau/core';
import { describe, expect, it } from 'vitest';
import { load, openFile } from '../src/index.ts';
import { bytesSource } from '../src/files/source.ts';
import { Work } from '../src/files/work.ts';
import { writeTorch } from '../src/torch/write.ts';
import { openZip, readEntry } from '../src/zip/read.ts';
import { writeZip, type ZipInput, type ZipOptions } from '../src/zip/write.ts';
import { numbersOf, scratchFile } from './helpers.ts';

async function gathered(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

const input = (name: string, bytes: Uint8Array): ZipInput => ({ name, bytes: () => bytes });
const python = process.env['FLAMBEAU_PYTHON'] ?? 'python3';
const lacksPython = spawnSync(python, ['-c', 'pass']).status !== 0;
const lacksTorch = lacksPython || spawnSync(python, ['-c', 'import torch']).status !== 0;
const inCi = process.env['FLAMBEAU_CI'] === '1';

/** Runs Python on a file. @returns what it prints, as JSON */
function runPython(script: string, ...args: string[]): unknown {
  const ran = spawnSync(python, ['-c', script, ...args], { encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout);
}

describe('zip64 archives', () => {
  // The limit of 4 GiB is lowered: from 300 bytes on, sizes and offsets stand in 64-bit fields.
  const forms: Record<string, ZipOptions> = {
    'stored and aligned': { align: 64, wideFrom: 300 },
    'deflated': { compress: true, wideFrom: 300 },
    'with every number in 64 bits': { align: 64, wideFrom: 0 },
  }; // prettier-ignore
  const contents = {
    'small.bin': Uint8Array.from({ length: 100 }, (_, i) => i),
    'large.bin': Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251),
    'behind.bin': Uint8Array.of(1, 2, 3),
  };
  const inputs = Object.entries(contents).map(([name, bytes]) => input(name, bytes));

  it.each(Object.entries(forms))('are read back, %s', async (_, options) => {
    const archive = await openZip(bytesSource(await gathered(writeZip(inputs, options)), 'test.zip'));
    for (const [name, bytes] of Object.entries(contents)) {
      const entry = archive.entries.get(name);
      expect(entry).toBeDefined();
      if (entry !== undefined) expect(await readEntry(archive, entry, new Work('load', 'test.zip', {}))).toEqual(bytes);
    }
  });

  it.skipIf(lacksPython && !inCi)('are whole for Python’s zipfile', async () => {
    const script = `
import json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    print(json.dumps([archive.testzip(), {i.filename: [i.file_size, sum(archive.read(i)), i.extract_version] for i in archive.infolist()}]))`;
    const sums = Object.entries(contents).map(([name, bytes]) => [name, [bytes.length, bytes.reduce((a, b) => a + b, 0)]] as const);
    for (const options of Object.values(forms)) {
      const file = scratchFile('wide.zip');
      writeFileSync(file, await gathered(writeZip(inputs, options)));
      const [broken, found] = runPython(script, file) as [null, Record<string, number[]>];
      expect(broken).toBeNull();
      for (const [name, [size, sum]] of sums) expect(found[name].slice(0, 2)).toEqual([size, sum]);
      // The large entry needs version 4.5, which is the one that knows zip64.
      expect(found['large.bin'][2]).toBe(45);
    }
  });

  it.skipIf(lacksTorch && !inCi)(
    'are what torch.load reads, with weights_only',
    async () => {
      const state = { weight: tensor([[1, 2], [3, 4]]), bias: tensor([5, 6]) }; // prettier-ignore
      for (const wideFrom of [0, 300, 1000]) {
        const file = scratchFile(`wide-${wideFrom}.pt`);
        writeFileSync(file, await gathered(writeTorch(state, { wideFrom }).chunks));
        const script =
          'import json, sys, torch; s = torch.load(sys.argv[1], weights_only=True); print(json.dumps({k: v.tolist() for k, v in s.items()}))';
        expect(runPython(script, file)).toEqual({ weight: [[1, 2], [3, 4]], bias: [5, 6] }); // prettier-ignore
        const back = await load<typeof state>(file);
        expect(numbersOf(back.weight)).toEqual([1, 2, 3, 4]);
      }
    },
    60_000,
  );

  it('hold more entries than 16 bits can count', async () => {
    const count = 70_000;
    const many = Array.from({ length: count }, (_, i) => input(`entry${i}`, Uint8Array.of(i % 256)));
    const archive = await openZip(bytesSource(await gathered(writeZip(many)), 'many.zip'));
    expect(archive.entries.size).toBe(count);
    const last = archive.entries.get(`entry${count - 1}`);
    // 69,999 = 273 · 256 + 111
    if (last !== undefined) expect([...(await readEntry(archive, last, new Work('load', 'many.zip', {})))]).toEqual([111]);
  });

  it('give single tensors of a file without reading the others', async () => {
    const bytes = await gathered(writeTorch({ a: tensor([1, 2, 3]), b: tensor([4]) }, { wideFrom: 0 }).chunks);
    const file = await openFile(bytes);
    expect(await file.tensor('b')).toBeInstanceOf(Tensor);
    expect(numbersOf(await file.tensor('b'))).toEqual([4]);
  });
});
