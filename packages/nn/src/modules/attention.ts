import { ArgumentError, checkTensor, empty, readCall, type Call, type Tensor } from '@flambeau/core';
import { boolean, positiveInteger, probability } from '../arguments.ts';
import { multiHeadAttentionForward } from '../functional/multiheadAttention.ts';
import { constant_, xavierNormal_, xavierUniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { Linear, type FactoryOptions } from './linear.ts';
import { snakeCase } from './repr.ts';

/** A linear layer that is part of attention; the name is the one that PyTorch prints. */
export class NonDynamicallyQuantizableLinear extends Linear {}

/** Sizes and options of MultiheadAttention. */
export interface MultiheadAttentionOptions extends FactoryOptions {
  /** Features of queries and of the output. */
  embedDim: number;
  /** Heads; embedDim is a multiple of it. */
  numHeads: number;
  /** Dropout of the attention weights. */
  dropout?: number;
  /** Whether the projections add a learned bias; true by default. */
  bias?: boolean;
  /** Adds a learned key and value to every sequence. */
  addBiasKv?: boolean;
  /** Adds a key and a value of zeros to every sequence. */
  addZeroAttn?: boolean;
  /** Features of the keys; embedDim by default. */
  kdim?: number | null;
  /** Features of the values; embedDim by default. */
  vdim?: number | null;
  /** Tensors are [N, L, E] instead of [L, N, E]. */
  batchFirst?: boolean;
}

/** Options of a call of MultiheadAttention. */
export interface AttentionCallOptions {
  /** [N, S], or [S] without a batch: true, or minus infinity, where a key is padding. */
  keyPaddingMask?: Tensor | null;
  /** Gives the attention weights too; true by default. */
  needWeights?: boolean;
  /** [L, S] or [N·numHeads, L, S]: true, or minus infinity, where a query may not see a key; other floats are added to the scores. */
  attnMask?: Tensor | null;
  /** Averages the weights over the heads; true by default. */
  averageAttnWeights?: boolean;
  /** Says that attnMask is the causal one. */
  isCausal?: boolean;
}

const names = ['embedDim', 'numHeads', 'dropout', 'bias', 'addBiasKv', 'addZeroAttn', 'kdim', 'vdim', 'batchFirst'] as const;
const callNames = ['keyPaddingMask', 'needWeights', 'attnMask', 'averageAttnWeights', 'isCausal'] as const;

/**
 * Attention of several heads with projections of queries, keys, values and output.
 *
 * `forward(query, key, value)` gives `[output, weights]`. Shapes: query [L, N, E], key [S, N, kdim], value [S, N, vdim] (N first with
 * batchFirst, or without N); output as the query; weights [N, L, S], or [N, numHeads, L, S] when they are not averaged.
 * @see Vaswani et al. 2017
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly addZeroAttn: boolean;
  readonly kdim: number;
  readonly vdim: number;
  inProjWeight: Parameter | null;
  qProjWeight: Parameter | null;
  kProjWeight: Parameter | null;
  vProjWeight: Parameter | null;
  inProjBias: Parameter | null;
  biasK: Parameter | null;
  biasV: Parameter | null;
  outProj: Linear;

  constructor(...args: Call<MultiheadAttentionOptions, typeof names>) {
    super();
    const op = 'MultiheadAttention';
    const { embedDim, numHeads, dropout = 0, bias = true, addBiasKv = false, addZeroAttn = false, kdim, vdim, batchFirst = false, ...factory } =
      readCall<MultiheadAttentionOptions>(op, args, names, ['device', 'dtype']); // prettier-ignore
    positiveInteger(op, 'embedDim', embedDim);
    positiveInteger(op, 'numHeads', numHeads);
    for (const [name, value] of Object.entries({ bias, addBiasKv, addZeroAttn, batchFirst })) boolean(op, name, value);
    if (embedDim % numHeads !== 0)
      throw new ArgumentError({
        op,
        expected: 'embedDim as a multiple of numHeads',
        received: `${embedDim} features in ${numHeads} heads`,
      });
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.dropout = probability(op, 'dropout', dropout);
    this.batchFirst = batchFirst;
    this.addZeroAttn = addZeroAttn;
    this.kdim = kdim ?? embedDim;
    this.vdim = vdim ?? embedDim;
    const make = (...shape: number[]): Parameter => new Parameter(empty(shape, factory));
    const alike = this.kdim === embedDim && this.vdim === embedDim;
    this.inProjWeight = alike ? make(3 * embedDim, embedDim) : null;
    this.qProjWeight = alike ? null : make(embedDim, embedDim);
    this.kProjWeight = alike ? null : make(embedDim, this.kdim);
    this.vProjWeight = alike ? null : make(embedDim, this.vdim);
    this.inProjBias = bias ? make(3 * embedDim) : null;
    this.biasK = addBiasKv ? make(1, 1, embedDim) : null;
    this.biasV = addBiasKv ? make(1, 1, embedDim) : null;
    this.outProj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias, ...factory });
    this.resetParameters();
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  /** Draws the projections of the inputs anew, by Xavier's rule, and sets their biases to 0. */
  resetParameters(): void {
    for (const weight of [this.inProjWeight, this.qProjWeight, this.kProjWeight, this.vProjWeight])
      if (weight !== null) xavierUniform_(weight);
    for (const bias of [this.inProjBias, this.inProjBias === null ? null : this.outProj.bias]) if (bias !== null) constant_(bias, 0);
    for (const bias of [this.biasK, this.biasV]) if (bias !== null) xavierNormal_(bias);
  }

  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    ...args: Call<AttentionCallOptions, typeof callNames>
  ): [output: Tensor, weights: Tensor | null] {
    const options = readCall<AttentionCallOptions>('MultiheadAttention', args, callNames);
    for (const [name, x] of Object.entries({ query, key, value })) checkTensor('MultiheadAttention', name, x);
    const swap = this.batchFirst && query.ndim === 3;
    const turn = (x: Tensor): Tensor => (swap ? x.transpose(0, 1) : x);
    const q = turn(query);
    const k = key === query ? q : turn(key);
    const v = value === key ? k : turn(value);
    const [output, weights] = multiHeadAttentionForward(q, k, v, {
      ...options,
      numHeads: this.numHeads,
      inProjWeight: this.inProjWeight,
      qProjWeight: this.qProjWeight,
      kProjWeight: this.kProjWeight,
      vProjWeight: this.vProjWeight,
      inProjBias: this.inProjBias,
      biasK: this.biasK,
      biasV: this.biasV,
      addZeroAttn: this.addZeroAttn,
      dropoutP: this.dropout,
      outProjWeight: this.outProj.weight,
      outProjBias: this.outProj.bias,
      training: this.training,
    });
    return [turn(output), weights];
  }
}
