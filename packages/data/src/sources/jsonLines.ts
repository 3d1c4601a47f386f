import { checkArray, IndexError } from '@flambeau/core';
import { Dataset } from '../dataset.ts';
import { DataSourceError, nameOf, readLines, type Source } from './source.ts';

/** The values of a JSON Lines source, one after the other, without holding all of it. @throws DataSourceError that names the line that is no JSON */
export async function* streamJsonLines<T = unknown>(source: Source): AsyncGenerator<T> {
  let line = 0;
  for await (const text of readLines(source)) {
    line++;
    if (text.trim() === '') continue;
    try {
      yield JSON.parse(text) as T;
    } catch (error) {
      throw new DataSourceError(nameOf(source), `JSON in line ${line}`, (error as Error).message, undefined, error);
    }
  }
}

/** The values of a JSON Lines file: sample i is the value of its i-th line. */
export class JsonLinesDataset<T = unknown> extends Dataset<T> {
  readonly length: number;
  private readonly values: readonly T[];

  constructor(values: readonly T[]) {
    super();
    this.values = checkArray('JsonLinesDataset', 'the values', values);
    this.length = values.length;
  }

  /** Reads a whole source. */
  static async load<T = unknown>(source: Source): Promise<JsonLinesDataset<T>> {
    const values: T[] = [];
    for await (const value of streamJsonLines<T>(source)) values.push(value);
    return new JsonLinesDataset(values);
  }

  get(index: number): T {
    if (!(index in this.values))
      throw new IndexError({ op: 'JsonLinesDataset', expected: `an index in [0, ${this.length - 1}]`, received: String(index) });
    return this.values[index];
  }
}
