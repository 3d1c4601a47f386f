import { checkArray, IndexError } from '@flambeau/core';
import { Dataset } from '../dataset.ts';
import { DataSourceError, nameOf, readText, type Source } from './source.ts';

/** A value of a table: what looks like a number is one. */
export type Cell = number | string;
/** A row by the names of the columns. */
export type Row = Record<string, Cell>;

/** Options of CSV files. */
export interface CsvOptions {
  /** True when the first line names the columns; otherwise `columns` does, or they are `0`, `1`, ... */
  header?: boolean;
  /** Names of the columns from left to right; those of the first line when missing. */
  columns?: readonly string[];
  /** Found by itself when missing. */
  delimiter?: string;
  /** Columns that stay text although they look like numbers, such as postcodes. */
  text?: readonly string[];
}

/** The rows of a CSV file: sample i is row i, by the names of the columns. A loader makes tensors of its number columns. */
export class CsvDataset extends Dataset<Row> {
  readonly columns: readonly string[];
  readonly length: number;
  private readonly rows: readonly Row[];

  constructor(columns: readonly string[], rows: readonly Row[]) {
    super();
    this.columns = columns;
    this.rows = checkArray('CsvDataset', 'the rows', rows);
    this.length = rows.length;
  }

  /** Reads and parses a file. @throws DataSourceError that names the line when a row has too many or too few fields, or a quote stays open */
  static async load(source: Source, options: CsvOptions = {}): Promise<CsvDataset> {
    return CsvDataset.parse(await readText(source), options, nameOf(source));
  }

  /** Parses text. */
  static async parse(text: string, options: CsvOptions = {}, name = 'csv'): Promise<CsvDataset> {
    const { default: Papa } = await import('papaparse');
    const { header = true, delimiter = '' } = options;
    const { data, errors } = Papa.parse<string[]>(text, { delimiter, skipEmptyLines: 'greedy' });
    // A single column has no delimiter to find, which is no error.
    const wrong = errors.find((error) => error.type !== 'Delimiter');
    if (wrong !== undefined) throw new DataSourceError(name, 'a CSV file', `${wrong.message} in row ${wrong.row}`);
    const rows = header ? data.slice(1) : data;
    const columns = options.columns ?? (header ? (data[0] ?? []) : (data[0] ?? []).map((_, i) => String(i)));
    if (new Set(columns).size !== columns.length)
      throw new DataSourceError(name, 'columns with different names', columns.join(', '), 'Name them with { columns }.');
    const kept = new Set(options.text ?? []);
    const made = rows.map((fields, i) => {
      if (fields.length !== columns.length)
        throw new DataSourceError(name, `${columns.length} fields in row ${i + 1}`, String(fields.length));
      return Object.fromEntries(columns.map((column, c) => [column, kept.has(column) ? fields[c] : cell(fields[c])]));
    });
    return new CsvDataset(columns, made);
  }

  get(index: number): Row {
    const row = this.rows[index];
    if (row === undefined)
      throw new IndexError({ op: 'CsvDataset', expected: `an index in [0, ${this.length - 1}]`, received: String(index) });
    return row;
  }
}

const cell = (text: string): Cell => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text);
