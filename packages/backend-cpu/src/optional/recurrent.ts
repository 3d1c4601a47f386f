import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { isFloat32, isPlain } from './operands.ts';

interface RecurrentAttrs {
  readonly reverse: boolean;
  /** Without states among the inputs. */
  readonly fromZeros?: boolean;
}
interface GradAttrs extends RecurrentAttrs {
  readonly input: boolean;
  readonly inner: boolean;
  /** The first step of the output's gradient. */
  readonly from?: number;
}
interface LstmGradAttrs extends GradAttrs {
  readonly initial: boolean;
}

/** A sequence whose features lie together; step and sample may have any stride, as batchFirst gives it. */
const isSequence = (x: Operand): boolean => isFloat32(x) && (x.strides[2] === 1 || x.shape[2] === 1);
/** Groups of samples that depend on each other in nothing: native/sequence.h. */
const groupsOf = (batch: number): number => Math.ceil(batch / 32);
/**
 * Parts of a batch whose weights' gradients, of so many numbers, are summed apart, so that threads need not wait for each other after each stretch
 * of steps: where these are small. How many depends on the problem alone, and so do the results.
 */
const partsOf = (batch: number, weights: number): number => Math.max(1, Math.min(8, groupsOf(batch), Math.floor(2 ** 20 / weights)));
/** How many steps of a part run at once, before their gradients are multiplied: rows for one block of a product, as the caches keep them. */
const stretch = (steps: number, samples: number, size: number): number =>
  Math.min(steps, Math.max(1, Math.floor((size >= 128 ? 512 : 256) / samples)));
const wholePanels = (n: number): number => Math.ceil(n / 32) * 32;
const wholeVectors = (n: number): number => Math.ceil(n / 16) * 16;
/** How far apart a kernel lets rows of n floats lie: at least as far as sequence.h does. */
const spread = (n: number): number => wholePanels(n) + 16;

/** A layer's inputs: x, its states, undefined where it begins with zeros, and its weights and biases. */
function layerInputs(inputs: readonly Operand[], states: number, { fromZeros = false }: RecurrentAttrs) {
  const given = fromZeros ? 0 : states;
  const first: (Operand | undefined)[] = inputs.slice(1, 1 + given);
  return { x: inputs[0], states: first, weights: inputs.slice(1 + given) };
}

/** LSTM and GRU over a whole sequence, and their gradients, in float32. */
export function recurrentKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [forwardId, gradId] = [engine.kernelId('lstm'), engine.kernelId('lstmGrad')];
  const [gruId, gruGradId] = [engine.kernelId('gru'), engine.kernelId('gruGrad')];

  const writeSequence = (x: Operand): void => {
    command.address(x);
    command.number(x.strides[0]);
    command.number(x.strides[1]);
  };
  /** The gradient of some steps of the output. */
  const writeSlope = (g: Operand, { from = 0 }: GradAttrs): void => {
    writeSequence(g);
    command.number(from);
    command.number(g.shape[0]);
  };
  /** The gradient of a state, which has no rows where there is none. */
  const writeStateSlope = (g: Operand): void => writeMaybe(g.count === 0 ? undefined : g);
  const writeMaybe = (x: Operand | undefined): void => {
    if (x === undefined) command.number(0);
    else command.address(x);
  };

  const lstm: OptionalKernel = {
    accepts: ([x, ...others]) => isSequence(x) && x.count > 0 && others.every(isPlain),
    run(inputs, outputs, attrs) {
      const {
        x,
        states: [h0, c0],
        weights,
      } = layerInputs(inputs, 2, attrs as RecurrentAttrs);
      const [weightIh, weightHh, biasIh, biasHh] = weights;
      const [steps, batch, features] = x.shape;
      const size = weightHh.shape[1];
      command.begin(forwardId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag((attrs as RecurrentAttrs).reverse);
      writeSequence(x);
      for (const state of [h0, c0]) writeMaybe(state);
      for (const weight of [weightIh, weightHh]) command.address(weight);
      writeMaybe(biasIh);
      writeMaybe(biasHh);
      for (const output of outputs) command.address(output);
      const depth = features + size;
      const wide = 4 * wholeVectors(size);
      // The sums of a step's group of 16 units, or of all steps of a single sample.
      const sums = batch === 1 ? steps * wide : batch * 64;
      command.scratch(4 * ((1 + depth) * wide + 2 * batch * depth + sums + 128));
      engine.run('lstm');
    },
  };

  const lstmGrad: OptionalKernel = {
    accepts: ([gOutput, gH, gC, output, gates, cells, x, ...others], attrs) =>
      !(attrs as LstmGradAttrs).inner &&
      isSequence(gOutput) &&
      isSequence(x) &&
      x.count > 0 &&
      [gH, gC, output, gates, cells, ...others].every(isPlain),
    run([gOutput, gH, gC, output, gates, cells, ...inputs], outputs, attrs) {
      const { reverse, initial, input } = attrs as LstmGradAttrs;
      const {
        x,
        states: [h0, c0],
        weights,
      } = layerInputs(inputs, 2, attrs as RecurrentAttrs);
      const [weightIh, weightHh, bias] = weights;
      const [steps, batch, features] = x.shape;
      const size = weightHh.shape[1];
      const [width, depth] = [4 * size, features + size];
      const parts = partsOf(batch, depth * width);
      const atOnce = stretch(steps, Math.ceil(batch / parts), size);
      let next = initial ? 2 : 0;
      command.begin(gradId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag(reverse);
      command.number(parts);
      command.number(atOnce);
      writeSlope(gOutput, attrs as GradAttrs);
      for (const slope of [gH, gC]) writeStateSlope(slope);
      writeSequence(x);
      for (const state of [h0, c0]) writeMaybe(state);
      for (const given of [weightIh, weightHh, output, gates, cells]) command.address(given);
      writeMaybe(initial ? outputs[0] : undefined);
      writeMaybe(initial ? outputs[1] : undefined);
      command.address(outputs[next++]);
      command.address(outputs[next++]);
      for (let i = 0; i < 2; i++) writeMaybe(bias === undefined ? undefined : outputs[next++]);
      writeMaybe(input ? outputs[next] : undefined);
      const packed = width * (wholePanels(size) + (input ? wholePanels(features) : 0));
      const sums = atOnce * batch * spread(width);
      command.scratch(4 * (packed + sums + (parts * depth + groupsOf(batch)) * width + 2 * batch * size + 256));
      engine.run('lstmGrad');
    },
  };

  const gru: OptionalKernel = {
    accepts: ([x, ...others]) => isSequence(x) && x.count > 0 && others.every(isPlain),
    run(inputs, outputs, attrs) {
      const {
        x,
        states: [h0],
        weights,
      } = layerInputs(inputs, 1, attrs as RecurrentAttrs);
      const [weightIh, weightHh, biasIh, biasHh] = weights;
      const [steps, batch, features] = x.shape;
      const size = weightHh.shape[1];
      command.begin(gruId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag((attrs as RecurrentAttrs).reverse);
      writeSequence(x);
      writeMaybe(h0);
      for (const weight of [weightIh, weightHh]) command.address(weight);
      writeMaybe(biasIh);
      writeMaybe(biasHh);
      for (const output of outputs) command.address(output);
      command.scratch(4 * ((1 + features + size) * wholePanels(3 * size) + 4 * size + 4 * batch * size + 208));
      engine.run('gru');
    },
  };

  const gruGrad: OptionalKernel = {
    accepts: ([gOutput, gH, output, gates, x, ...others], attrs) =>
      !(attrs as GradAttrs).inner && isSequence(gOutput) && isSequence(x) && x.count > 0 && [gH, output, gates, ...others].every(isPlain),
    run([gOutput, gH, output, gates, ...inputs], outputs, attrs) {
      const { reverse, input, fromZeros = false } = attrs as GradAttrs;
      const {
        x,
        states: [h0],
        weights,
      } = layerInputs(inputs, 1, attrs as RecurrentAttrs);
      const [weightIh, weightHh, bias] = weights;
      const [steps, batch, features] = x.shape;
      const size = weightHh.shape[1];
      let next = fromZeros ? 0 : 1;
      const all = steps * batch;
      command.begin(gruGradId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag(reverse);
      writeSlope(gOutput, attrs as GradAttrs);
      writeStateSlope(gH);
      writeSequence(x);
      writeMaybe(h0);
      for (const given of [weightIh, weightHh, output, gates]) command.address(given);
      writeMaybe(fromZeros ? undefined : outputs[0]);
      command.address(outputs[next++]);
      command.address(outputs[next++]);
      for (let i = 0; i < 2; i++) writeMaybe(bias === undefined ? undefined : outputs[next++]);
      writeMaybe(input ? outputs[next] : undefined);
      const width = 3 * size;
      const depth = features + size + 2;
      const packed = width * wholePanels(size) + (input ? width * wholePanels(features) : 0);
      command.scratch(4 * (packed + all * (spread(4 * size) + spread(depth)) + depth * width + 2 * batch * size + 320));
      engine.run('gruGrad');
    },
  };

  return { lstm, lstmGrad, gru, gruGrad };
}
