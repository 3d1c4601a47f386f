import { ArgumentError, checkTensor, empty, linear, readCall, ShapeError, showShape, type Call, type Tensor } from '@flambeau/core';
import { boolean, positiveInteger } from '../arguments.ts';
import { uniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import type { FactoryOptions } from './linear.ts';
import { gruKind, lstmKind, rnnReluKind, rnnTanhKind, zeroState, type RecurrentKind } from './recurrentLayer.ts';

/** Sizes and options of recurrent cells. */
export interface CellOptions extends FactoryOptions {
  /** Features of the input. */
  inputSize: number;
  /** Features of the hidden state. */
  hiddenSize: number;
  /** Whether learned biases are added; true by default. */
  bias?: boolean;
}

const names = ['inputSize', 'hiddenSize', 'bias'] as const;
const keywords = ['device', 'dtype'] as const;

/** What the cells share: one step, with parameters `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`. */
abstract class RecurrentCell extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  weight_ih: Parameter;
  weight_hh: Parameter;
  bias_ih: Parameter | null;
  bias_hh: Parameter | null;

  constructor(kind: RecurrentKind, options: CellOptions) {
    super();
    const { inputSize, hiddenSize, bias = true, ...factory } = options;
    this.inputSize = positiveInteger(this.typeName, 'inputSize', inputSize);
    this.hiddenSize = positiveInteger(this.typeName, 'hiddenSize', hiddenSize);
    boolean(this.typeName, 'bias', bias);
    const gates = kind.gates * hiddenSize;
    this.weight_ih = new Parameter(empty([gates, inputSize], factory));
    this.weight_hh = new Parameter(empty([gates, hiddenSize], factory));
    this.bias_ih = bias ? new Parameter(empty([gates], factory)) : null;
    this.bias_hh = bias ? new Parameter(empty([gates], factory)) : null;
    this.resetParameters();
  }

  protected abstract get kind(): RecurrentKind;

  /** Draws all parameters anew, uniformly in ±1/√hiddenSize. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.hiddenSize);
    for (const parameter of this.parameters()) uniform_(parameter, -bound, bound);
  }

  /** One step from x [N, I] or [I] and states [N, H] or [H], zeros when missing. */
  protected run(x: Tensor, given: readonly Tensor[] | undefined): Tensor[] {
    const op = this.typeName;
    checkTensor(op, 'input', x);
    if (x.ndim !== 1 && x.ndim !== 2) throw new ShapeError({ op, expected: 'an input of 1 or 2 dimensions', received: showShape(x.shape) });
    if (x.shape[x.ndim - 1] !== this.inputSize)
      throw new ShapeError({ op, expected: `${this.inputSize} features in the last dimension`, received: showShape(x.shape) });
    const shape = [...x.shape.slice(0, -1), this.hiddenSize];
    const states = Array.from({ length: this.kind.states }, (_, k) => {
      const state = given?.[k] ?? zeroState(x, shape);
      checkTensor(op, 'state', state);
      if (showShape(state.shape) !== showShape(shape))
        throw new ShapeError({ op, expected: `a state of shape ${showShape(shape)}`, received: showShape(state.shape) });
      return x.ndim === 1 ? state.unsqueeze(0) : state;
    });
    const rows = x.ndim === 1 ? x.unsqueeze(0) : x;
    const weights = { weightIh: this.weight_ih, weightHh: this.weight_hh, biasIh: this.bias_ih, biasHh: this.bias_hh };
    const next = this.kind.step(linear(rows, this.weight_ih, this.bias_ih), states, weights);
    return x.ndim === 1 ? next.map((state) => state.squeeze(0)) : next;
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias_ih === null ? ', bias=False' : ''}`;
  }
}

/** One step of an LSTM: `forward(x, [h, c])` gives the new `[h, c]`. Shapes: x [N, I], h and c [N, H], or all without N. */
export class LSTMCell extends RecurrentCell {
  constructor(...args: Call<CellOptions, typeof names>) {
    super(lstmKind, readCall('LSTMCell', args, names, keywords));
  }

  protected override get kind(): RecurrentKind {
    return lstmKind;
  }

  forward(x: Tensor, states?: readonly [Tensor, Tensor] | null): [Tensor, Tensor] {
    if (states && (!Array.isArray(states) || states.length !== 2))
      throw new ArgumentError({ op: 'LSTMCell', expected: 'states as [h, c]', received: 'something else' });
    const [h, c] = this.run(x, states ?? undefined);
    return [h, c];
  }
}

/** One step of a GRU: `forward(x, h)` gives the new h. */
export class GRUCell extends RecurrentCell {
  constructor(...args: Call<CellOptions, typeof names>) {
    super(gruKind, readCall('GRUCell', args, names, keywords));
  }

  protected override get kind(): RecurrentKind {
    return gruKind;
  }

  forward(x: Tensor, state?: Tensor | null): Tensor {
    return this.run(x, state ? [state] : undefined)[0];
  }
}

/** One step of a plain recurrent network: `forward(x, h)` gives f(W_ih x + b_ih + W_hh h + b_hh). */
export class RNNCell extends RecurrentCell {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(...args: Call<CellOptions & { nonlinearity?: 'tanh' | 'relu' }, [...typeof names, 'nonlinearity']>) {
    const read = readCall<CellOptions & { nonlinearity?: 'tanh' | 'relu' }>('RNNCell', args, [...names, 'nonlinearity'], keywords);
    const { nonlinearity = 'tanh', ...rest } = read;
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw new ArgumentError({ op: 'RNNCell', expected: "nonlinearity 'tanh' or 'relu'", received: String(nonlinearity) });
    super(rnnTanhKind, rest);
    this.nonlinearity = nonlinearity;
  }

  protected override get kind(): RecurrentKind {
    return this.nonlinearity === 'relu' ? rnnReluKind : rnnTanhKind;
  }

  forward(x: Tensor, state?: Tensor | null): Tensor {
    return this.run(x, state ? [state] : undefined)[0];
  }

  override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`}`;
  }
}
