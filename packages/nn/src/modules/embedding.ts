import { ArgumentError, describe, empty, readCall, ShapeError, showShape, type Call, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as F from '../functional/index.ts';
import { spread } from '../functional/size.ts';
import { normal_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import type { FactoryOptions } from './linear.ts';
import { bool, number, python } from './repr.ts';

interface TableOptions extends FactoryOptions {
  /** How many rows the table has; indices lie below it. */
  numEmbeddings: number;
  /** Features of a row. */
  embeddingDim: number;
  /** The row that starts as zeros and gets no gradient. */
  paddingIdx?: number | null;
  /** Rows that are read are scaled down to this norm. */
  maxNorm?: number | null;
  /** The p of that norm, 2 by default. */
  normType?: number;
  /** Divides the gradient of a row by how often it is read. */
  scaleGradByFreq?: boolean;
  /** Accepted for PyTorch's sake: gradients are dense here. */
  sparse?: boolean;
}
/** Options of `fromPretrained`. */
type PretrainedOptions<Options> = Omit<Options, 'numEmbeddings' | 'embeddingDim' | 'device' | 'dtype'> & {
  /** Whether the table stays as it is, the default. */
  freeze?: boolean;
};

/** A table of vectors: what Embedding and EmbeddingBag share. */
abstract class Table extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly sparse: boolean;
  weight: Parameter;

  constructor(name: string, options: TableOptions) {
    super();
    const { numEmbeddings, embeddingDim, paddingIdx = null, maxNorm = null, device, dtype } = options;
    spread(name, 'numEmbeddings', numEmbeddings, 1);
    spread(name, 'embeddingDim', embeddingDim, 1);
    if (paddingIdx !== null && (!Number.isInteger(paddingIdx) || paddingIdx < -numEmbeddings || paddingIdx >= numEmbeddings))
      throw new ArgumentError({ op: name, expected: `paddingIdx among the ${numEmbeddings} rows`, received: describe(paddingIdx) });
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.maxNorm = maxNorm;
    this.normType = options.normType ?? 2;
    this.scaleGradByFreq = options.scaleGradByFreq ?? false;
    this.sparse = options.sparse ?? false;
    this.weight = new Parameter(empty(numEmbeddings, embeddingDim, { device, dtype }));
    this.resetParameters();
  }

  /** Draws the table anew from the normal distribution; the padding row becomes zeros. */
  resetParameters(): void {
    normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx !== null) noGrad(() => this.weight.select(0, paddingIdx).zero_());
  }

  /** Takes over a table, frozen or not. */
  protected adopt(table: Tensor, freeze: boolean): this {
    this.weight = new Parameter(table, !freeze);
    return this;
  }

  /** What both print before and after what is their own. */
  protected describeTable(): { sizes: string; padding: string; norm: string; frequency: string } {
    return {
      sizes: `${this.numEmbeddings}, ${this.embeddingDim}`,
      padding: this.paddingIdx === null ? '' : `, padding_idx=${this.paddingIdx}`,
      norm: `${this.maxNorm === null ? '' : `, max_norm=${number(this.maxNorm)}`}${this.normType === 2 ? '' : `, norm_type=${number(this.normType)}`}`,
      frequency: this.scaleGradByFreq ? `, scale_grad_by_freq=${bool(true)}` : '',
    };
  }
}

const names = ['numEmbeddings', 'embeddingDim', 'paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq', 'sparse'];
const factoryNames = ['device', 'dtype'];

function checkPretrained(op: string, table: Tensor): void {
  if (table.ndim !== 2) throw new ShapeError({ op, expected: 'a table of 2 dimensions', received: showShape(table.shape) });
}

/** A table of vectors: indices [...] give [..., embeddingDim]. The row `paddingIdx` starts as zeros and gets no gradient. */
export class Embedding extends Table {
  /** Arguments: numEmbeddings, embeddingDim, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse, in this order or by name. */
  constructor(
    ...args: Call<TableOptions, ['numEmbeddings', 'embeddingDim', 'paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq', 'sparse']>
  ) {
    super('Embedding', readCall<TableOptions>('Embedding', args, names, factoryNames));
  }

  /** A layer over a given table [numEmbeddings, embeddingDim], which is not copied. */
  static fromPretrained(table: Tensor, options: PretrainedOptions<TableOptions> = {}): Embedding {
    checkPretrained('Embedding.fromPretrained', table);
    const { freeze = true, ...rest } = options;
    return new Embedding(table.shape[0], table.shape[1], rest).adopt(table, freeze);
  }

  forward(indices: Tensor): Tensor {
    const { weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this;
    return F.embedding(indices, weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse);
  }

  override extraRepr(): string {
    const { sizes, padding, norm, frequency } = this.describeTable();
    return `${sizes}${padding}${norm}${frequency}${this.sparse ? ', sparse=True' : ''}`;
  }
}

interface BagOptions extends TableOptions {
  /** How the rows of a bag become one: `mean` by default. */
  mode?: 'sum' | 'mean' | 'max';
  /** The last offset is the end of the last bag instead of the beginning of another; false by default. */
  includeLastOffset?: boolean;
}
const bagNames = [
  'numEmbeddings', 'embeddingDim', 'maxNorm', 'normType', 'scaleGradByFreq', 'mode', 'sparse', 'includeLastOffset', 'paddingIdx',
]; // prettier-ignore

/** Sums, means or maxima of rows of a table, bag by bag; see `functional.embeddingBag`. */
export class EmbeddingBag extends Table {
  readonly mode: 'sum' | 'mean' | 'max';
  readonly includeLastOffset: boolean;

  /** Arguments: numEmbeddings, embeddingDim, maxNorm, normType, scaleGradByFreq, mode, sparse, includeLastOffset, paddingIdx, in this order or by name. */
  constructor(
    ...args: Call<
      BagOptions,
      ['numEmbeddings', 'embeddingDim', 'maxNorm', 'normType', 'scaleGradByFreq', 'mode', 'sparse', 'includeLastOffset', 'paddingIdx']
    >
  ) {
    const options = readCall<BagOptions>('EmbeddingBag', args, bagNames, factoryNames);
    super('EmbeddingBag', options);
    this.mode = options.mode ?? 'mean';
    this.includeLastOffset = options.includeLastOffset ?? false;
  }

  /** A layer over a given table [numEmbeddings, embeddingDim], which is not copied. */
  static fromPretrained(table: Tensor, options: PretrainedOptions<BagOptions> = {}): EmbeddingBag {
    checkPretrained('EmbeddingBag.fromPretrained', table);
    const { freeze = true, ...rest } = options;
    return new EmbeddingBag({ numEmbeddings: table.shape[0], embeddingDim: table.shape[1], ...rest }).adopt(table, freeze);
  }

  forward(indices: Tensor, offsets?: Tensor | null, perSampleWeights?: Tensor | null): Tensor {
    const { weight, paddingIdx, maxNorm, normType, scaleGradByFreq, mode, sparse, includeLastOffset } = this;
    const options = { offsets, maxNorm, normType, scaleGradByFreq, mode, sparse, perSampleWeights, includeLastOffset, paddingIdx };
    return F.embeddingBag(indices, weight, options);
  }

  override extraRepr(): string {
    const { sizes, padding, norm, frequency } = this.describeTable();
    return `${sizes}${norm}${frequency}, mode=${python(this.mode)}${padding}`;
  }
}
