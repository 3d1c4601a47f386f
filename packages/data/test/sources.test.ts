import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { CsvDataset, DataLoader, JsonLinesDataset, padCollate, ParquetDataset, streamJsonLines } from '@flambeau/data';

setDefaultDevice(reference);
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'data-')), name);
  writeFileSync(path, content);
  return path;
};

describe('CSV', () => {
  it('gives rows by column, numbers as numbers, and a loader makes tensors of them', async () => {
    const data = await CsvDataset.load(file('a.csv', 'width,height,name\n1,2.5,"a, b"\n3,-4e1,c\n'));
    expect(data.get(0)).toEqual({ width: 1, height: 2.5, name: 'a, b' });
    const [batch] = [...new DataLoader(data, { batchSize: 2 })] as unknown as { width: Tensor; height: Tensor; name: string[] }[];
    expect([batch.width.dtype, batch.width.toArraySync(), batch.height.toArraySync(), batch.name]).toEqual([
      'int32',
      [1, 3],
      [2.5, -40],
      ['a, b', 'c'],
    ]);
  });

  it('finds the delimiter, keeps text columns, and names columns without a header', async () => {
    expect((await CsvDataset.parse('code;n\n0123;1\n', { text: ['code'] })).get(0)).toEqual({ code: '0123', n: 1 });
    expect((await CsvDataset.parse('1,2\n3,4\n', { header: false })).get(1)).toEqual({ 0: 3, 1: 4 });
  });

  it('names the row that has another number of fields, and the quote that stays open', async () => {
    await expect(CsvDataset.parse('a,b\n1,2\n3\n', {}, 'x.csv')).rejects.toThrow(/x\.csv: 2 fields in row 2, got 1/);
    await expect(CsvDataset.parse('a,b\n"1,2\n')).rejects.toThrow(/CSV/);
  });

  it('says which file is missing', async () => {
    await expect(CsvDataset.load('/nowhere/a.csv')).rejects.toMatchObject({ code: 'DATA_SOURCE', op: '/nowhere/a.csv' });
  });
});

describe('JSON lines', () => {
  it('stream from any source, across the edges of chunks', async () => {
    const encoder = new TextEncoder();
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const part of ['{"a":', '1}\n{"a"', ':2}\n\n{"a":3}']) controller.enqueue(encoder.encode(part));
        controller.close();
      },
    });
    const values: unknown[] = [];
    for await (const value of streamJsonLines(stream)) values.push(value);
    expect(values).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
    expect((await JsonLinesDataset.load(new Blob(['1\n2\n']))).length).toBe(2);
  });

  it('name the line that is none', async () => {
    await expect(JsonLinesDataset.load(new TextEncoder().encode('{}\n{oops}\n'))).rejects.toThrow(/JSON in line 2/);
  });
});

describe('Parquet', () => {
  it('gives rows of its columns', async () => {
    const buffer = parquetWriteBuffer({ columnData: [{ name: 'id', data: [1n, 2n], type: 'INT64' }, { name: 'x', data: [0.5, 1.5], type: 'DOUBLE' }] }); // prettier-ignore
    const data = await ParquetDataset.load(file('a.parquet', new Uint8Array(buffer)));
    expect([data.length, data.get(1)]).toEqual([2, { id: 2, x: 1.5 }]);
    expect((await ParquetDataset.load(new Uint8Array(buffer), { columns: ['x'] })).get(0)).toEqual({ x: 0.5 });
  });

  it('refuses what is none', async () => {
    await expect(ParquetDataset.load(new Uint8Array(100))).rejects.toMatchObject({ code: 'DATA_SOURCE' });
  });
});

describe('padding', () => {
  it('makes one tensor of sequences of different lengths', () => {
    const samples = [{ x: tensor([1, 2, 3]), y: 1 }, { x: tensor([4]), y: 0 }]; // prettier-ignore
    const batch = padCollate(-1)(samples) as { x: Tensor; y: Tensor };
    expect(batch.x.toArraySync()).toEqual([[1, 2, 3], [4, -1, -1]]); // prettier-ignore
    expect(batch.y.toArraySync()).toEqual([1, 0]);
  });
});
