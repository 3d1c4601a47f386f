import {
  ArgumentError,
  cat,
  checkTensor,
  DTypeError,
  empty,
  internalScope,
  readCall,
  ShapeError,
  showShape,
  stack,
  type Call,
  type Tensor,
} from '@flambeau/core';
import { boolean, positiveInteger, probability } from '../arguments.ts';
import { dropout } from '../functional/dropout.ts';
import type { RecurrentWeights } from '../functional/recurrentStep.ts';
import { uniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { PackedSequence } from '../utils/rnn.ts';
import type { FactoryOptions } from './linear.ts';
import {
  permuteStates,
  gruKind,
  lstmKind,
  rnnReluKind,
  rnnTanhKind,
  runDense,
  runPacked,
  zeroStates,
  type RecurrentKind,
} from './recurrentLayer.ts';
import { number } from './repr.ts';

/** Options of recurrent networks. */
export interface RecurrentOptions extends FactoryOptions {
  /** Layers on top of each other, each reading the states of the one below; 1 by default. */
  numLayers?: number;
  /** Whether learned biases are added; true by default. */
  bias?: boolean;
  /** The input is [N, T, I] instead of [T, N, I], and so is the output. */
  batchFirst?: boolean;
  /** Dropout between layers while training. */
  dropout?: number;
  /** Reads backwards as well, with weights of its own, and gives both side by side; false by default. */
  bidirectional?: boolean;
}
interface Sizes {
  /** Features of the input. */
  inputSize: number;
  /** Features of the hidden state. */
  hiddenSize: number;
}
/** Options of LSTM. */
export interface LSTMOptions extends RecurrentOptions {
  /** Projects the hidden state, and with it the output, to this size; 0 for none. @see Sak et al. 2014 */
  projSize?: number;
}
/** Options of RNN. */
export interface RNNOptions extends RecurrentOptions {
  /** The function of each step; `tanh` by default. */
  nonlinearity?: 'tanh' | 'relu';
}

const names = ['inputSize', 'hiddenSize', 'numLayers', 'bias', 'batchFirst', 'dropout', 'bidirectional'] as const;
const rnnNames = ['inputSize', 'hiddenSize', 'numLayers', 'nonlinearity', 'bias', 'batchFirst', 'dropout', 'bidirectional'] as const;
const keywords = ['device', 'dtype'] as const;

/** The base of LSTM, GRU and RNN, which `instanceof` tells from other modules: parameters `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, `weight_ih_l0_reverse` and so on, as PyTorch names them. */
export abstract class RNNBase extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly projSize: number;
  [parameter: `${string}_l${number}`]: Parameter;
  [parameter: `${string}_l${number}_reverse`]: Parameter;

  constructor(kind: RecurrentKind, options: LSTMOptions & Sizes) {
    super();
    if (new.target === RNNBase || typeof kind !== 'object')
      throw new ArgumentError({ op: 'RNNBase', expected: 'a subclass', received: 'RNNBase itself', hint: 'Make an LSTM, GRU or RNN.' });
    const { inputSize, hiddenSize, numLayers = 1, bias = true, batchFirst = false, dropout: p = 0, bidirectional = false, projSize = 0, ...factory } = options; // prettier-ignore
    const name = this.typeName;
    this.inputSize = positiveInteger(name, 'inputSize', inputSize);
    this.hiddenSize = positiveInteger(name, 'hiddenSize', hiddenSize);
    this.numLayers = positiveInteger(name, 'numLayers', numLayers);
    this.bias = boolean(name, 'bias', bias);
    this.batchFirst = boolean(name, 'batchFirst', batchFirst);
    this.dropout = probability(name, 'dropout', p);
    this.bidirectional = boolean(name, 'bidirectional', bidirectional);
    if (!Number.isInteger(projSize) || projSize < 0 || projSize >= hiddenSize)
      throw new ArgumentError({ op: name, expected: `a projSize from 0 to ${hiddenSize - 1}`, received: String(projSize) });
    this.projSize = projSize;
    const gates = kind.gates * hiddenSize;
    const outputSize = projSize || hiddenSize;
    for (const suffix of this.suffixes()) {
      const inputs = suffix.startsWith('_l0') ? inputSize : outputSize * (bidirectional ? 2 : 1);
      const add = (key: string, ...shape: number[]): void =>
        this.registerParameter(`${key}${suffix}`, new Parameter(empty(shape, factory)));
      add('weight_ih', gates, inputs);
      add('weight_hh', gates, outputSize);
      if (bias) add('bias_ih', gates);
      if (bias) add('bias_hh', gates);
      if (projSize > 0) add('weight_hr', projSize, hiddenSize);
    }
    this.resetParameters();
  }

  /** How the network computes. */
  protected abstract get kind(): RecurrentKind;

  /** `_l0`, `_l0_reverse`, `_l1`, ... */
  private suffixes(): string[] {
    return Array.from({ length: this.numLayers }, (_, layer) =>
      this.bidirectional ? [`_l${layer}`, `_l${layer}_reverse`] : [`_l${layer}`],
    ).flat();
  }

  /** Draws all parameters anew, uniformly in ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  /** Does nothing: it is here for programs that call it. */
  flattenParameters(): void {}

  /** The parameters of each layer and direction. */
  get allWeights(): Parameter[][] {
    return this.suffixes().map((suffix) => Object.values(this.weights(suffix)).filter((w): w is Parameter => w instanceof Parameter));
  }

  private weights(suffix: string): RecurrentWeights {
    // A parametrized weight is an accessor, so it is asked for by name.
    const get = (key: string): Parameter => (this as unknown as Record<string, Parameter>)[`${key}${suffix}`];
    return {
      weightIh: get('weight_ih'),
      weightHh: get('weight_hh'),
      ...(this.bias && { biasIh: get('bias_ih'), biasHh: get('bias_hh') }),
      ...(this.projSize > 0 && { weightHr: get('weight_hr') }),
    };
  }

  /** Runs all layers on a batch or a single sequence, padded or packed. States are [layers·directions, N, H], zeros when missing. */
  protected run(
    input: Tensor | PackedSequence,
    given: readonly Tensor[] | undefined,
  ): { output: Tensor | PackedSequence; states: Tensor[] } {
    for (const state of given ?? []) checkTensor(this.typeName, 'state', state);
    const weights = this.suffixes().map((suffix) => this.weights(suffix));
    if (input instanceof PackedSequence) {
      const { data, sizes, sortedIndices, unsortedIndices } = input;
      this.checkFeatures(data, [2]);
      this.checkDType(weights[0], data, given);
      this.checkStates(sizes[0], given);
      const initial = (): Tensor[] | undefined => given?.map((state) => permuteStates(state, sortedIndices));
      const { output, states: last } = this.runLayers(data, weights, initial, (x, s, w, reverse) =>
        runPacked(this.kind, x, sizes, s ?? zeroStates(this.kind, x, sizes[0], w), w, reverse),
      );
      return { output: input.withData(output), states: last.map((state) => permuteStates(state, unsortedIndices)) };
    }
    this.checkFeatures(input, [2, 3]);
    this.checkDType(weights[0], input, given);
    const batched = input.ndim === 3;
    const sequence = batched ? (this.batchFirst ? input.transpose(0, 1) : input) : input.unsqueeze(1);
    if (sequence.shape[0] === 0)
      throw new ShapeError({ op: this.typeName, expected: 'a sequence of at least one step', received: showShape(input.shape) });
    for (const state of given ?? []) {
      if (state.ndim !== input.ndim)
        throw new ShapeError({
          op: this.typeName,
          expected: `states of ${input.ndim} dimensions, as the input`,
          received: showShape(state.shape),
        });
    }
    const states = batched ? given : given?.map((state) => state.unsqueeze(1));
    this.checkStates(sequence.shape[1], states);
    const { output, states: last } = this.runLayers(
      sequence,
      weights,
      () => states,
      (x, s, w, reverse) => runDense(this.kind, x, s, w, reverse),
    );
    if (!batched) return { output: output.squeeze(1), states: last.map((state) => state.squeeze(1)) };
    return { output: this.batchFirst ? output.transpose(0, 1) : output, states: last };
  }

  private checkFeatures(input: Tensor, ranks: readonly number[]): void {
    checkTensor(this.typeName, 'input', input);
    if (!ranks.includes(input.ndim))
      throw new ShapeError({
        op: this.typeName,
        expected: `an input of ${ranks.join(' or ')} dimensions`,
        received: showShape(input.shape),
      });
    if (input.shape[input.ndim - 1] !== this.inputSize)
      throw new ShapeError({
        op: this.typeName,
        expected: `${this.inputSize} features in the last dimension`,
        received: showShape(input.shape),
      });
  }

  private checkDType({ weightIh }: RecurrentWeights, input: Tensor, states: readonly Tensor[] = []): void {
    for (const x of [input, ...states]) {
      if (x.dtype !== weightIh.dtype)
        throw new DTypeError({
          op: this.typeName,
          expected: `input and states of the parameters' dtype ${weightIh.dtype}`,
          received: x.dtype,
          hint: `Cast the input with x.to('${weightIh.dtype}'), or the module with net.to('${x.dtype}').`,
        });
    }
  }

  private checkStates(batch: number, given: readonly Tensor[] | undefined): void {
    const rows = this.numLayers * (this.bidirectional ? 2 : 1);
    given?.forEach((state, k) => {
      const shape = [rows, batch, k === 0 && this.projSize > 0 ? this.projSize : this.hiddenSize];
      if (showShape(state.shape) !== showShape(shape))
        throw new ShapeError({ op: this.typeName, expected: `a state of shape ${showShape(shape)}`, received: showShape(state.shape) });
    });
  }

  private runLayers(
    sequence: Tensor,
    weights: readonly RecurrentWeights[],
    initial: () => readonly Tensor[] | undefined,
    layer: (
      x: Tensor,
      states: readonly Tensor[] | undefined,
      weights: RecurrentWeights,
      reverse: boolean,
    ) => { output: Tensor; states: readonly Tensor[] },
  ): { output: Tensor; states: Tensor[] } {
    // No caller sees what lies between layers.
    const [output, ...states] = internalScope(() => {
      let x = sequence;
      const first = initial();
      const finals = Array.from({ length: this.kind.states }, (): Tensor[] => []);
      const directions = this.bidirectional ? 2 : 1;
      for (let i = 0; i < weights.length; i += directions) {
        const outputs: Tensor[] = [];
        for (let d = 0; d < directions; d++) {
          const { output, states } = layer(x, first?.map((s) => s.select(0, i + d)), weights[i + d], d === 1); // prettier-ignore
          outputs.push(output);
          states.forEach((state, k) => finals[k].push(state));
        }
        x = outputs.length === 1 ? outputs[0] : cat(outputs, -1);
        if (this.dropout > 0 && i + directions < weights.length) x = dropout(x, { p: this.dropout, training: this.training });
      }
      return [x, ...finals.map((list) => (list.length === 1 ? list[0].unsqueeze(0) : stack(list)))];
    }) as Tensor[];
    return { output, states };
  }

  override extraRepr(): string {
    const parts = [String(this.inputSize), String(this.hiddenSize)];
    if (this.projSize !== 0) parts.push(`proj_size=${this.projSize}`);
    if (this.numLayers !== 1) parts.push(`num_layers=${this.numLayers}`);
    if (!this.bias) parts.push('bias=False');
    if (this.batchFirst) parts.push('batch_first=True');
    if (this.dropout !== 0) parts.push(`dropout=${number(this.dropout)}`);
    if (this.bidirectional) parts.push('bidirectional=True');
    return parts.join(', ');
  }
}

/**
 * Long short-term memory, in several layers and, with `bidirectional`, in both directions.
 *
 * `forward(x, [h0, c0])` gives `[output, [h, c]]`. Shapes, with D directions, K layers and R = projSize or hiddenSize:
 * x [T, N, I] ([N, T, I] with batchFirst, [T, I] without a batch) or a PackedSequence; output [T, N, D·R]; h [D·K, N, R], c [D·K, N, H].
 * @see Hochreiter & Schmidhuber 1997
 */
export class LSTM extends RNNBase {
  constructor(...args: Call<LSTMOptions & Sizes, [...typeof names, 'projSize']>) {
    super(lstmKind, readCall('LSTM', args, [...names, 'projSize'], keywords));
  }

  protected override get kind(): RecurrentKind {
    return lstmKind;
  }

  forward(x: Tensor, states?: readonly [Tensor, Tensor] | null): [Tensor, [Tensor, Tensor]];
  forward(x: PackedSequence, states?: readonly [Tensor, Tensor] | null): [PackedSequence, [Tensor, Tensor]];
  forward(x: Tensor | PackedSequence, states?: readonly [Tensor, Tensor] | null): [Tensor | PackedSequence, [Tensor, Tensor]] {
    if (states && (!Array.isArray(states) || states.length !== 2))
      throw new ArgumentError({ op: 'LSTM', expected: 'states as [h0, c0]', received: 'something else' });
    const { output, states: last } = this.run(x, states ?? undefined);
    return [output, [last[0], last[1]]];
  }
}

/** What GRU and RNN share: one state. */
abstract class SingleStateNetwork extends RNNBase {
  forward(x: Tensor, state?: Tensor | null): [Tensor, Tensor];
  forward(x: PackedSequence, state?: Tensor | null): [PackedSequence, Tensor];
  forward(x: Tensor | PackedSequence, state?: Tensor | null): [Tensor | PackedSequence, Tensor] {
    if (Array.isArray(state)) throw new ArgumentError({ op: this.typeName, expected: 'a state as one tensor', received: 'an array' });
    const { output, states } = this.run(x, state ? [state] : undefined);
    return [output, states[0]];
  }
}

/** Gated recurrent units: `forward(x, h0)` gives `[output, h]`. Shapes as those of LSTM. @see Cho et al. 2014 */
export class GRU extends SingleStateNetwork {
  constructor(...args: Call<RecurrentOptions & Sizes, typeof names>) {
    super(gruKind, readCall('GRU', args, names, keywords));
  }

  protected override get kind(): RecurrentKind {
    return gruKind;
  }
}

/** A plain recurrent network with tanh or relu: `forward(x, h0)` gives `[output, h]`. Shapes as those of LSTM. @see Elman 1990 */
export class RNN extends SingleStateNetwork {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(...args: Call<RNNOptions & Sizes, typeof rnnNames>) {
    const { nonlinearity = 'tanh', ...rest } = readCall<RNNOptions & Sizes>('RNN', args, rnnNames, keywords);
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ArgumentError({ op: 'RNN', expected: "nonlinearity 'tanh' or 'relu'", received: String(nonlinearity) });
    super(rnnTanhKind, rest);
    this.nonlinearity = nonlinearity;
  }

  protected override get kind(): RecurrentKind {
    return this.nonlinearity === 'relu' ? rnnReluKind : rnnTanhKind;
  }
}
