import { checkArray, IndexError } from '@flambeau/core';
import { Dataset } from '../dataset.ts';
import { DataSourceError, nameOf, readBytes, type Source } from './source.ts';

/** The rows of a Parquet file by the names of the columns. 64-bit integers that fit a number are numbers. Needs the package hyparquet. */
export class ParquetDataset extends Dataset<Record<string, unknown>> {
  readonly length: number;
  private readonly rows: readonly Record<string, unknown>[];

  constructor(rows: readonly Record<string, unknown>[]) {
    super();
    this.rows = checkArray('ParquetDataset', 'the rows', rows);
    this.length = rows.length;
  }

  /** Reads a file, all columns or some. @throws DataSourceError when it is no Parquet file, or hyparquet is not installed */
  static async load(source: Source, options: { columns?: readonly string[] } = {}): Promise<ParquetDataset> {
    const parquet = await import('hyparquet').catch((error: unknown) => {
      throw new DataSourceError(nameOf(source), 'the package hyparquet', 'none that can be loaded', 'Run: npm install hyparquet', error);
    });
    const bytes = await readBytes(source);
    try {
      const rows = await parquet.parquetReadObjects({
        file: bytes.buffer,
        ...(options.columns !== undefined && { columns: [...options.columns] }),
      });
      return new ParquetDataset(rows.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, narrow(value)]))));
    } catch (error) {
      throw new DataSourceError(nameOf(source), 'a Parquet file', (error as Error).message, undefined, error);
    }
  }

  get(index: number): Record<string, unknown> {
    const row = this.rows[index];
    if (row === undefined)
      throw new IndexError({ op: 'ParquetDataset', expected: `an index in [0, ${this.length - 1}]`, received: String(index) });
    return row;
  }
}

const narrow = (value: unknown): unknown => (typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value);
