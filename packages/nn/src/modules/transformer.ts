import {
  ArgumentError,
  checkTensor,
  fromNumbers,
  getDefaultDevice,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Device,
  type DType,
  type Tensor,
} from '@flambeau/core';
import { positiveInteger } from '../arguments.ts';
import { deepCopy } from '../copy.ts';
import { xavierUniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { ModuleList } from './container.ts';
import { LayerNorm } from './normalization.ts';
import {
  decoderCallNames,
  factoryNames,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type DecoderCallOptions,
  type TransformerLayerOptions,
} from './transformerLayer.ts';

const clones = <M extends Module>(op: string, layer: M, count: number): ModuleList<M> => {
  if (!(layer instanceof Module)) throw new ArgumentError({ op, expected: 'a layer to copy', received: String(layer) });
  positiveInteger(op, 'numLayers', count);
  return new ModuleList(Array.from({ length: count }, () => deepCopy(layer)));
};

/** Options of a stack of layers. */
interface StackOptions {
  /** How many copies of the layer there are. */
  numLayers: number;
  /** A normalization of the last layer's output. */
  norm?: Module | null;
}
/** Masks of an encoder. */
export interface EncoderCallOptions {
  /** [T, T] or [N·nhead, T, T]: where a step may not look; see MultiheadAttention. */
  mask?: Tensor | null;
  /** [N, T]: which steps are padding. */
  srcKeyPaddingMask?: Tensor | null;
  /** Says that the mask is the causal one; found out where it is missing. */
  isCausal?: boolean | null;
}
const encoderCallNames = ['mask', 'srcKeyPaddingMask', 'isCausal'] as const;

/** A row of encoder layers, each a copy of the one given. */
export class TransformerEncoder extends Module {
  layers: ModuleList;
  readonly numLayers: number;
  norm: Module | null;

  constructor(
    encoderLayer: Module,
    ...args: Call<
      StackOptions & { enableNestedTensor?: boolean; maskCheck?: boolean },
      ['numLayers', 'norm', 'enableNestedTensor', 'maskCheck']
    >
  ) {
    super();
    const { numLayers, norm = null } = readCall<StackOptions>('TransformerEncoder', args, ['numLayers', 'norm', 'enableNestedTensor', 'maskCheck']); // prettier-ignore
    this.layers = clones('TransformerEncoder', encoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = norm;
  }

  /** @param src - shape [T, N, E] ([N, T, E] with batchFirst, or [T, E]). @returns the same shape */
  forward(src: Tensor, ...args: Call<EncoderCallOptions, typeof encoderCallNames>): Tensor {
    const { mask = null, srcKeyPaddingMask = null, isCausal } = readCall<EncoderCallOptions>('TransformerEncoder', args, encoderCallNames);
    let x = src;
    for (const layer of this.layers) x = layer.forward(x, { srcMask: mask, srcKeyPaddingMask, isCausal: isCausal ?? false }) as Tensor;
    return this.norm === null ? x : (this.norm.forward(x) as Tensor);
  }
}

/** A row of decoder layers, each a copy of the one given. */
export class TransformerDecoder extends Module {
  layers: ModuleList;
  readonly numLayers: number;
  norm: Module | null;

  constructor(decoderLayer: Module, ...args: Call<StackOptions, ['numLayers', 'norm']>) {
    super();
    const { numLayers, norm = null } = readCall<StackOptions>('TransformerDecoder', args, ['numLayers', 'norm']);
    this.layers = clones('TransformerDecoder', decoderLayer, numLayers);
    this.numLayers = numLayers;
    this.norm = norm;
  }

  /** @param tgt - shape [T, N, E] ([N, T, E] with batchFirst, or [T, E]). @param memory - shape [S, N, E]. @returns the shape of tgt */
  forward(tgt: Tensor, memory: Tensor, ...args: Call<DecoderCallOptions, typeof decoderCallNames>): Tensor {
    const options = readCall<DecoderCallOptions>('TransformerDecoder', args, decoderCallNames);
    let x = tgt;
    for (const layer of this.layers) x = layer.forward(x, memory, options) as Tensor;
    return this.norm === null ? x : (this.norm.forward(x) as Tensor);
  }
}

/** Sizes and options of Transformer. */
export interface TransformerOptions extends Omit<TransformerLayerOptions, 'dModel' | 'nhead'> {
  /** 512 by default. */
  dModel?: number;
  /** 8 by default. */
  nhead?: number;
  /** 6 by default. */
  numEncoderLayers?: number;
  /** 6 by default. */
  numDecoderLayers?: number;
  /** Modules in the place of encoder and decoder. */
  customEncoder?: Module | null;
  /** The module in the place of the decoder; `TransformerDecoder` when missing. */
  customDecoder?: Module | null;
}
const names = ['dModel', 'nhead', 'numEncoderLayers', 'numDecoderLayers', 'dimFeedforward', 'dropout', 'activation', 'customEncoder', 'customDecoder', 'layerNormEps', 'batchFirst', 'normFirst', 'bias'] as const; // prettier-ignore

/** Masks of a transformer. T is the length of the target, S that of the source. */
export interface TransformerCallOptions {
  /** [S, S] or [N·nhead, S, S] */
  srcMask?: Tensor | null;
  /** [T, T] or [N·nhead, T, T] */
  tgtMask?: Tensor | null;
  /** [T, S] or [N·nhead, T, S] */
  memoryMask?: Tensor | null;
  /** [N, S] */
  srcKeyPaddingMask?: Tensor | null;
  /** [N, T] */
  tgtKeyPaddingMask?: Tensor | null;
  /** [N, S] */
  memoryKeyPaddingMask?: Tensor | null;
  /** Says that srcMask is the causal one; found out where it is missing. */
  srcIsCausal?: boolean | null;
  /** Says that tgtMask is the causal one; found out where it is missing. */
  tgtIsCausal?: boolean | null;
  /** Says that memoryMask is the causal one; false by default. */
  memoryIsCausal?: boolean;
}
const callNames = ['srcMask', 'tgtMask', 'memoryMask', 'srcKeyPaddingMask', 'tgtKeyPaddingMask', 'memoryKeyPaddingMask', 'srcIsCausal', 'tgtIsCausal', 'memoryIsCausal'] as const; // prettier-ignore

/** An encoder and a decoder. @see Vaswani et al. 2017 */
export class Transformer extends Module {
  encoder: Module;
  decoder: Module;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(...args: Call<TransformerOptions, typeof names>) {
    super();
    const options = readCall<TransformerOptions>('Transformer', args, names, factoryNames);
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6, customEncoder, customDecoder, ...shared } = options;
    const { layerNormEps: eps = 1e-5, bias = true, device, dtype } = options;
    const norm = (): LayerNorm => new LayerNorm(dModel, { eps, bias, ...(device && { device }), ...(dtype && { dtype }) });
    const layer = { dModel, nhead, ...shared };
    this.encoder = customEncoder ?? new TransformerEncoder(new TransformerEncoderLayer(layer), numEncoderLayers, norm());
    this.decoder = customDecoder ?? new TransformerDecoder(new TransformerDecoderLayer(layer), numDecoderLayers, norm());
    this.resetParameters();
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = options.batchFirst ?? false;
  }

  /** Draws every parameter of more than one dimension anew, by Xavier's rule. */
  resetParameters(): void {
    for (const parameter of this.parameters()) if (parameter.ndim > 1) xavierUniform_(parameter);
  }

  /**
   * @param src - shape [S, N, E] ([N, S, E] with batchFirst, or [S, E])
   * @param tgt - shape [T, N, E]
   * @returns shape [T, N, E]
   */
  forward(src: Tensor, tgt: Tensor, ...args: Call<TransformerCallOptions, typeof callNames>): Tensor {
    const options = readCall<TransformerCallOptions>('Transformer', args, callNames);
    checkTensor('Transformer', 'src', src);
    checkTensor('Transformer', 'tgt', tgt);
    const batch = this.batchFirst ? 0 : 1;
    if (src.ndim === 3 && tgt.ndim === 3 && src.shape[batch] !== tgt.shape[batch])
      throw new ShapeError({
        op: 'Transformer',
        expected: 'src and tgt of one batch size',
        received: `${showShape(src.shape)} and ${showShape(tgt.shape)}`,
      });
    if (src.shape[src.ndim - 1] !== this.dModel || tgt.shape[tgt.ndim - 1] !== this.dModel)
      throw new ShapeError({
        op: 'Transformer',
        expected: `${this.dModel} features in src and tgt`,
        received: `${showShape(src.shape)} and ${showShape(tgt.shape)}`,
      });
    const { srcMask: mask = null, srcKeyPaddingMask = null, srcIsCausal: isCausal = null, ...rest } = options;
    const memory = this.encoder.forward(src, { mask, srcKeyPaddingMask, isCausal }) as Tensor;
    return this.decoder.forward(tgt, memory, rest) as Tensor;
  }

  /** The causal mask [size, size]: 0 on and below the diagonal, minus infinity above. */
  static generateSquareSubsequentMask(size: number, options: { device?: Device; dtype?: DType } = {}): Tensor {
    positiveInteger('generateSquareSubsequentMask', 'size', size);
    const values = Float64Array.from({ length: size * size }, (_, i) => (i % size > Math.floor(i / size) ? -Infinity : 0));
    return fromNumbers(values, [size, size], options.dtype ?? 'float32', options.device ?? getDefaultDevice());
  }

  generateSquareSubsequentMask(size: number, options: { device?: Device; dtype?: DType } = {}): Tensor {
    return Transformer.generateSquareSubsequentMask(size, options);
  }
}
