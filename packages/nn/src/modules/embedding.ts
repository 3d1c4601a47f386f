import { ArgumentError, empty, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as F from '../functional/index.ts';
import { normal_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import type { FactoryOptions } from './linear.ts';

/** A table of vectors: indices [...] give [..., embeddingDim]. The row `paddingIdx` starts as zeros and gets no gradient. */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | undefined;
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: FactoryOptions & { paddingIdx?: number } = {}) {
    super();
    const { paddingIdx, ...factory } = options;
    if (paddingIdx !== undefined && (paddingIdx < -numEmbeddings || paddingIdx >= numEmbeddings)) {
      throw new ArgumentError({ op: 'Embedding', expected: `paddingIdx among the ${numEmbeddings} rows`, received: String(paddingIdx) });
    }
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== undefined && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.weight = new Parameter(empty(numEmbeddings, embeddingDim, factory));
    this.resetParameters();
  }

  /** Draws the table anew from the normal distribution. */
  resetParameters(): void {
    normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx !== undefined) noGrad(() => this.weight.select(0, paddingIdx).zero_());
  }

  forward(indices: Tensor): Tensor {
    return F.embedding(indices, this.weight, this.paddingIdx === undefined ? {} : { paddingIdx: this.paddingIdx });
  }

  override extraRepr(): string {
    return `${this.numEmbeddings}, ${this.embeddingDim}${this.paddingIdx === undefined ? '' : `, padding_idx=${this.paddingIdx}`}`;
  }
}
