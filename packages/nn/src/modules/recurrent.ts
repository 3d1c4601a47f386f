import { ArgumentError, cat, dispatch, empty, ShapeError, showShape, stack, zeros, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { uniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import type { FactoryOptions } from './linear.ts';
import { bool, number } from './repr.ts';

/** Options of recurrent networks. */
export interface RecurrentOptions extends FactoryOptions {
  numLayers?: number;
  bias?: boolean;
  /** The input is [N, T, I] instead of [T, N, I], and so is the output. */
  batchFirst?: boolean;
  /** Dropout between layers while training. */
  dropout?: number;
  bidirectional?: boolean;
}

interface Direction {
  readonly weightIh: Parameter;
  readonly weightHh: Parameter;
  readonly biasIh: Parameter | undefined;
  readonly biasHh: Parameter | undefined;
}

/** What the layers of a recurrent network share: parameters `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, and so on, as PyTorch names them. */
abstract class RecurrentNetwork extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  [parameter: `${string}_l${number}`]: Parameter;
  [parameter: `${string}_l${number}_reverse`]: Parameter;

  constructor(gates: number, inputSize: number, hiddenSize: number, options: RecurrentOptions) {
    super();
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false, ...factory } = options;
    if (!(hiddenSize > 0) || !(numLayers > 0))
      throw new ArgumentError({
        op: this.constructor.name,
        expected: 'positive hiddenSize and numLayers',
        received: `${hiddenSize} and ${numLayers}`,
      });
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    const made: [string, number[]][] = [];
    for (const suffix of this.suffixes()) {
      const inputs = suffix.startsWith('_l0') ? inputSize : hiddenSize * (bidirectional ? 2 : 1);
      made.push([`weight_ih${suffix}`, [gates * hiddenSize, inputs]], [`weight_hh${suffix}`, [gates * hiddenSize, hiddenSize]]);
      if (bias) made.push([`bias_ih${suffix}`, [gates * hiddenSize]], [`bias_hh${suffix}`, [gates * hiddenSize]]);
    }
    for (const [name, shape] of made) Object.assign(this, { [name]: new Parameter(empty(shape, factory)) });
    this.resetParameters();
  }

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

  private direction(suffix: string): Direction {
    const get = (name: string): Parameter => (this as unknown as Record<string, Parameter>)[`${name}${suffix}`];
    return {
      weightIh: get('weight_ih'),
      weightHh: get('weight_hh'),
      biasIh: this.bias ? get('bias_ih') : undefined,
      biasHh: this.bias ? get('bias_hh') : undefined,
    };
  }

  /** One layer in one direction: the hidden states of all steps, then the final states. */
  protected abstract runLayer(x: Tensor, states: Tensor[], direction: Direction, reverse: boolean): Tensor[];

  /** Runs all layers. States are [layers·directions, N, H], zeros when missing. */
  protected run(input: Tensor, given: readonly Tensor[] | undefined, kinds: number): { output: Tensor; states: Tensor[] } {
    const name = this.constructor.name;
    if (input.ndim !== 2 && input.ndim !== 3)
      throw new ShapeError({ op: name, expected: 'an input of 2 or 3 dimensions', received: showShape(input.shape) });
    if (input.shape[input.ndim - 1] !== this.inputSize)
      throw new ShapeError({ op: name, expected: `${this.inputSize} features in the last dimension`, received: showShape(input.shape) });
    const batched = input.ndim === 3;
    const sequence = batched ? (this.batchFirst ? input.transpose(0, 1) : input) : input.unsqueeze(1);
    const directions = this.bidirectional ? 2 : 1;
    const stateShape = [this.numLayers * directions, sequence.shape[1], this.hiddenSize];
    const initial =
      given?.map((state) => (batched ? state : state.unsqueeze(1))) ??
      Array.from({ length: kinds }, () => zeros(stateShape, { dtype: input.dtype, device: input.device }));
    for (const state of initial) {
      if (showShape(state.shape) !== showShape(stateShape))
        throw new ShapeError({ op: name, expected: `a state of shape ${showShape(stateShape)}`, received: showShape(state.shape) });
    }
    let x = sequence;
    const finals: Tensor[][] = Array.from({ length: kinds }, () => []);
    this.suffixes().forEach((suffix, i, all) => {
      const reverse = suffix.endsWith('_reverse');
      if (reverse) return;
      const [ahead, ...aheadStates] = this.runLayer(x, initial.map((s) => s.select(0, i)), this.direction(suffix), false); // prettier-ignore
      aheadStates.forEach((state, k) => finals[k].push(state));
      let out = ahead;
      if (this.bidirectional) {
        const [back, ...backStates] = this.runLayer(x, initial.map((s) => s.select(0, i + 1)), this.direction(all[i + 1]), true); // prettier-ignore
        backStates.forEach((state, k) => finals[k].push(state));
        out = cat([ahead, back], -1);
      }
      const isLast = i + directions >= all.length;
      x = isLast ? out : F.dropout(out, { p: this.dropout, training: this.training });
    });
    const output = batched ? (this.batchFirst ? x.transpose(0, 1) : x) : x.squeeze(1);
    return { output, states: finals.map((list) => (batched ? stack(list) : stack(list).squeeze(1))) };
  }

  override extraRepr(): string {
    const parts = [String(this.inputSize), String(this.hiddenSize)];
    if (this.numLayers !== 1) parts.push(`num_layers=${this.numLayers}`);
    if (!this.bias) parts.push('bias=False');
    if (this.batchFirst) parts.push(`batch_first=${bool(true)}`);
    if (this.dropout !== 0) parts.push(`dropout=${number(this.dropout)}`);
    if (this.bidirectional) parts.push('bidirectional=True');
    return parts.join(', ');
  }
}

const inputsOf = (x: Tensor, states: readonly Tensor[], { weightIh, weightHh, biasIh, biasHh }: Direction): Tensor[] =>
  [x, ...states, weightIh, weightHh, biasIh, biasHh].filter((t): t is Tensor => t !== undefined);

/**
 * Long short-term memory.
 * `forward(x, [h0, c0])` with x [T, N, I] ([N, T, I] with batchFirst) gives `[output, [h, c]]`: the hidden states of all steps and the last states.
 */
export class LSTM extends RecurrentNetwork {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(4, inputSize, hiddenSize, options);
  }

  protected override runLayer(x: Tensor, states: Tensor[], direction: Direction, reverse: boolean): Tensor[] {
    return dispatch(F.lstmOp, inputsOf(x, states, direction), { reverse });
  }

  forward(x: Tensor, states?: readonly [Tensor, Tensor] | null): [Tensor, [Tensor, Tensor]] {
    const { output, states: final } = this.run(x, states ?? undefined, 2);
    return [output, [final[0], final[1]]];
  }
}

/** Gated recurrent units. `forward(x, h0)` gives `[output, h]`. */
export class GRU extends RecurrentNetwork {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(3, inputSize, hiddenSize, options);
  }

  protected override runLayer(x: Tensor, states: Tensor[], direction: Direction, reverse: boolean): Tensor[] {
    return dispatch(F.gruOp, inputsOf(x, states, direction), { reverse });
  }

  forward(x: Tensor, state?: Tensor | null): [Tensor, Tensor] {
    const { output, states } = this.run(x, state ? [state] : undefined, 1);
    return [output, states[0]];
  }
}

/** A plain recurrent network with tanh or relu. `forward(x, h0)` gives `[output, h]`. */
export class RNN extends RecurrentNetwork {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions & { nonlinearity?: 'tanh' | 'relu' } = {}) {
    const { nonlinearity = 'tanh', ...rest } = options;
    super(1, inputSize, hiddenSize, rest);
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ArgumentError({ op: 'RNN', expected: "nonlinearity 'tanh' or 'relu'", received: String(nonlinearity) });
    this.nonlinearity = nonlinearity;
  }

  protected override runLayer(x: Tensor, states: Tensor[], direction: Direction, reverse: boolean): Tensor[] {
    return dispatch(this.nonlinearity === 'tanh' ? F.rnnTanhOp : F.rnnReluOp, inputsOf(x, states, direction), { reverse });
  }

  forward(x: Tensor, state?: Tensor | null): [Tensor, Tensor] {
    const { output, states } = this.run(x, state ? [state] : undefined, 1);
    return [output, states[0]];
  }
}
