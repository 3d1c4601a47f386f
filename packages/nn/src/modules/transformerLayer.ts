import { ArgumentError, checkTensor, describe, readCall, type Call, type Tensor } from '@flambeau/core';
import { boolean, positiveInteger, probability } from '../arguments.ts';
import { gelu, relu } from '../functional/activation.ts';
import { Module } from '../module.ts';
import { Dropout } from './dropout.ts';
import { MultiheadAttention } from './attention.ts';
import { Linear, type FactoryOptions } from './linear.ts';
import { LayerNorm } from './normalization.ts';
import { snakeCase } from './repr.ts';

/** What stands between the two linear layers: a name, a function or a module. */
export type Activation = 'relu' | 'gelu' | ((x: Tensor) => Tensor) | Module;

/** Sizes and options of transformer layers. */
export interface TransformerLayerOptions extends FactoryOptions {
  /** Features of input and output. */
  dModel: number;
  /** Heads of attention; dModel is a multiple of it. */
  nhead: number;
  /** Features between the two linear layers, 2048 by default. */
  dimFeedforward?: number;
  /** Dropout after each part, 0.1 by default. */
  dropout?: number;
  /** 'relu' by default. */
  activation?: Activation;
  /** Added to the variance in layer normalization; 1e-5 by default. */
  layerNormEps?: number;
  /** Tensors are [N, T, E] instead of [T, N, E]. */
  batchFirst?: boolean;
  /** Normalizes before each part instead of after. @see Xiong et al. 2020 */
  normFirst?: boolean;
  /** Whether linear layers and normalizations have a learned bias; true by default. */
  bias?: boolean;
}
export const layerNames = ['dModel', 'nhead', 'dimFeedforward', 'dropout', 'activation', 'layerNormEps', 'batchFirst', 'normFirst', 'bias'] as const; // prettier-ignore
export const factoryNames = ['device', 'dtype'] as const;

/** Masks of an encoder's layer. */
export interface EncoderLayerCallOptions {
  /** [T, T] or [N·nhead, T, T]: where a step may not look; see MultiheadAttention. */
  srcMask?: Tensor | null;
  /** [N, T]: which steps are padding. */
  srcKeyPaddingMask?: Tensor | null;
  /** Says that srcMask is the causal one. */
  isCausal?: boolean;
}
/** Masks of a decoder's layer. */
export interface DecoderCallOptions {
  /** What targets see of each other: [T, T] or [N·nhead, T, T]. */
  tgtMask?: Tensor | null;
  /** What targets see of the memory: [T, S] or [N·nhead, T, S]. */
  memoryMask?: Tensor | null;
  /** Which targets are padding: [N, T]. */
  tgtKeyPaddingMask?: Tensor | null;
  /** Which places of the memory are padding: [N, S]. */
  memoryKeyPaddingMask?: Tensor | null;
  /** Says that tgtMask is the causal one; found out where it is missing. */
  tgtIsCausal?: boolean | null;
  /** Says that memoryMask is the causal one. */
  memoryIsCausal?: boolean;
}
export const encoderLayerCallNames = ['srcMask', 'srcKeyPaddingMask', 'isCausal'] as const;
export const decoderCallNames = ['tgtMask', 'memoryMask', 'tgtKeyPaddingMask', 'memoryKeyPaddingMask', 'tgtIsCausal', 'memoryIsCausal'] as const; // prettier-ignore

function checkActivation(op: string, activation: unknown = 'relu'): Activation {
  if (activation === 'relu' || activation === 'gelu' || typeof activation === 'function' || activation instanceof Module)
    return activation as Activation;
  throw new ArgumentError({ op, expected: "an activation 'relu' or 'gelu', a function or a module", received: describe(activation) });
}

export function activate(activation: Activation, x: Tensor): Tensor {
  if (activation === 'relu') return relu(x);
  if (activation === 'gelu') return gelu(x);
  return activation instanceof Module ? (activation.forward(x) as Tensor) : activation(x);
}

abstract class TransformerLayer extends Module {
  readonly normFirst: boolean;
  // Set by the layers after their parts, so that a module stands last, as in PyTorch.
  declare activation: Activation;

  constructor(options: TransformerLayerOptions) {
    super();
    this.normFirst = boolean(this.typeName, 'normFirst', options.normFirst ?? false);
    positiveInteger(this.typeName, 'dimFeedforward', options.dimFeedforward ?? 2048);
    probability(this.typeName, 'dropout', options.dropout ?? 0.1);
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  /** The parts of a layer, which both kinds make in this order. */
  protected static parts(options: TransformerLayerOptions): {
    attention: () => MultiheadAttention;
    dropout: () => Dropout;
    norm: () => LayerNorm;
    widen: () => Linear;
    narrow: () => Linear;
  } {
    const {
      dModel,
      nhead,
      dimFeedforward = 2048,
      dropout = 0.1,
      layerNormEps = 1e-5,
      batchFirst = false,
      bias = true,
      device,
      dtype,
    } = options;
    const factory = { ...(device && { device }), ...(dtype && { dtype }) };
    return {
      attention: () => new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...factory }),
      dropout: () => new Dropout(dropout),
      norm: () => new LayerNorm(dModel, { eps: layerNormEps, bias, ...factory }),
      widen: () => new Linear(dModel, dimFeedforward, { bias, ...factory }),
      narrow: () => new Linear(dimFeedforward, dModel, { bias, ...factory }),
    };
  }
}

/** Self-attention and a network of two linear layers, each with a residual connection and a normalization. @see Vaswani et al. 2017 */
export class TransformerEncoderLayer extends TransformerLayer {
  selfAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;

  constructor(...args: Call<TransformerLayerOptions, typeof layerNames>) {
    const options = readCall<TransformerLayerOptions>('TransformerEncoderLayer', args, layerNames, factoryNames);
    super(options);
    const make = TransformerLayer.parts(options);
    this.selfAttn = make.attention();
    this.linear1 = make.widen();
    this.dropout = make.dropout();
    this.linear2 = make.narrow();
    this.norm1 = make.norm();
    this.norm2 = make.norm();
    this.dropout1 = make.dropout();
    this.dropout2 = make.dropout();
    this.activation = checkActivation('TransformerEncoderLayer', options.activation);
  }

  /** @param src - shape [T, N, E] ([N, T, E] with batchFirst, or [T, E]). @returns the same shape */
  forward(src: Tensor, ...args: Call<EncoderLayerCallOptions, typeof encoderLayerCallNames>): Tensor {
    const { srcMask = null, srcKeyPaddingMask = null, isCausal = false } = readCall<EncoderLayerCallOptions>('TransformerEncoderLayer', args, encoderLayerCallNames); // prettier-ignore
    checkTensor('TransformerEncoderLayer', 'src', src);
    const attend = (x: Tensor): Tensor => {
      const [out] = this.selfAttn.forward(x, x, x, { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, needWeights: false, isCausal });
      return this.dropout1.forward(out);
    };
    const feed = (x: Tensor): Tensor =>
      this.dropout2.forward(this.linear2.forward(this.dropout.forward(activate(this.activation, this.linear1.forward(x)))));
    if (this.normFirst) {
      const x = src.add(attend(this.norm1.forward(src)));
      return x.add(feed(this.norm2.forward(x)));
    }
    const x = this.norm1.forward(src.add(attend(src)));
    return this.norm2.forward(x.add(feed(x)));
  }
}

/** Self-attention, attention to the memory that an encoder made, and a network of two linear layers. @see Vaswani et al. 2017 */
export class TransformerDecoderLayer extends TransformerLayer {
  selfAttn: MultiheadAttention;
  multiheadAttn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;

  constructor(...args: Call<TransformerLayerOptions, typeof layerNames>) {
    const options = readCall<TransformerLayerOptions>('TransformerDecoderLayer', args, layerNames, factoryNames);
    super(options);
    const make = TransformerLayer.parts(options);
    this.selfAttn = make.attention();
    this.multiheadAttn = make.attention();
    this.linear1 = make.widen();
    this.dropout = make.dropout();
    this.linear2 = make.narrow();
    this.norm1 = make.norm();
    this.norm2 = make.norm();
    this.norm3 = make.norm();
    this.dropout1 = make.dropout();
    this.dropout2 = make.dropout();
    this.dropout3 = make.dropout();
    this.activation = checkActivation('TransformerDecoderLayer', options.activation);
  }

  /** @param tgt - shape [T, N, E] ([N, T, E] with batchFirst, or [T, E]). @param memory - shape [S, N, E]. @returns the shape of tgt */
  forward(tgt: Tensor, memory: Tensor, ...args: Call<DecoderCallOptions, typeof decoderCallNames>): Tensor {
    const options = readCall<DecoderCallOptions>('TransformerDecoderLayer', args, decoderCallNames);
    const { tgtMask = null, memoryMask = null, tgtKeyPaddingMask = null, memoryKeyPaddingMask = null } = options;
    checkTensor('TransformerDecoderLayer', 'tgt', tgt);
    checkTensor('TransformerDecoderLayer', 'memory', memory);
    const attend = (x: Tensor): Tensor => {
      const isCausal = options.tgtIsCausal ?? false;
      const [out] = this.selfAttn.forward(x, x, x, { attnMask: tgtMask, keyPaddingMask: tgtKeyPaddingMask, needWeights: false, isCausal });
      return this.dropout1.forward(out);
    };
    const look = (x: Tensor): Tensor => {
      const isCausal = options.memoryIsCausal ?? false;
      const masks = { attnMask: memoryMask, keyPaddingMask: memoryKeyPaddingMask };
      const [out] = this.multiheadAttn.forward(x, memory, memory, { ...masks, needWeights: false, isCausal });
      return this.dropout2.forward(out);
    };
    const feed = (x: Tensor): Tensor =>
      this.dropout3.forward(this.linear2.forward(this.dropout.forward(activate(this.activation, this.linear1.forward(x)))));
    if (this.normFirst) {
      let x = tgt.add(attend(this.norm1.forward(tgt)));
      x = x.add(look(this.norm2.forward(x)));
      return x.add(feed(this.norm3.forward(x)));
    }
    let x = this.norm1.forward(tgt.add(attend(tgt)));
    x = this.norm2.forward(x.add(look(x)));
    return this.norm3.forward(x.add(feed(x)));
  }
}
