import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { isFloat32, isPlain } from './operands.ts';

interface RecurrentAttrs {
  readonly reverse: boolean;
}
interface GradAttrs extends RecurrentAttrs {
  readonly input: boolean;
  readonly inner: boolean;
}
interface LstmGradAttrs extends GradAttrs {
  readonly initial: boolean;
}

/** A sequence whose features lie together; step and sample may have any stride, as batchFirst gives it. */
const isSequence = (x: Operand): boolean => isFloat32(x) && (x.strides[2] === 1 || x.shape[2] === 1);
/** How many steps the kernel of a gradient runs at once, before their gradients are multiplied: rows for one block of a product, as the caches keep them. */
const stretch = (steps: number, batch: number, size: number): number =>
  Math.min(steps, Math.max(1, Math.floor((size >= 128 ? 512 : 256) / batch)));
const wholePanels = (n: number): number => Math.ceil(n / 32) * 32;
const wholeVectors = (n: number): number => Math.ceil(n / 16) * 16;
/** How far apart a kernel lets rows of n floats lie: at least as far as sequence.h does. */
const spread = (n: number): number => wholePanels(n) + 16;

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
  const writeMaybe = (x: Operand | undefined): void => {
    if (x === undefined) command.number(0);
    else command.address(x);
  };

  const lstm: OptionalKernel = {
    accepts: ([x, ...others]) => isSequence(x) && x.count > 0 && others.every(isPlain),
    run([x, h0, c0, weightIh, weightHh, biasIh, biasHh], outputs, attrs) {
      const [steps, batch, features] = x.shape;
      const size = h0.shape[1];
      command.begin(forwardId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag((attrs as RecurrentAttrs).reverse);
      writeSequence(x);
      for (const input of [h0, c0, weightIh, weightHh]) command.address(input);
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
    run([gOutput, gH, gC, output, gates, cells, x, h0, c0, weightIh, weightHh, bias], outputs, attrs) {
      const { reverse, initial, input } = attrs as LstmGradAttrs;
      const [steps, batch, features] = x.shape;
      const size = h0.shape[1];
      const atOnce = stretch(steps, batch, size);
      let next = initial ? 2 : 0;
      command.begin(gradId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag(reverse);
      command.number(atOnce);
      writeSequence(gOutput);
      command.address(gH);
      command.address(gC);
      writeSequence(x);
      for (const given of [h0, c0, weightIh, weightHh, output, gates, cells]) command.address(given);
      writeMaybe(initial ? outputs[0] : undefined);
      writeMaybe(initial ? outputs[1] : undefined);
      command.address(outputs[next++]);
      command.address(outputs[next++]);
      writeMaybe(bias === undefined ? undefined : outputs[next++]);
      writeMaybe(input ? outputs[next] : undefined);
      const width = 4 * size;
      const depth = features + size + 1;
      const packed = width * (wholePanels(size) + (input ? wholePanels(features) : 0));
      const rows = atOnce * batch * (spread(width) + spread(depth));
      command.scratch(4 * (packed + rows + depth * width + 2 * batch * size + 256));
      engine.run('lstmGrad');
    },
  };

  const gru: OptionalKernel = {
    accepts: ([x, ...others]) => isSequence(x) && x.count > 0 && others.every(isPlain),
    run([x, h0, weightIh, weightHh, biasIh, biasHh], outputs, attrs) {
      const [steps, batch, features] = x.shape;
      const size = h0.shape[1];
      command.begin(gruId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag((attrs as RecurrentAttrs).reverse);
      writeSequence(x);
      for (const input of [h0, weightIh, weightHh]) command.address(input);
      writeMaybe(biasIh);
      writeMaybe(biasHh);
      for (const output of outputs) command.address(output);
      command.scratch(4 * ((1 + features + size) * wholePanels(3 * size) + 4 * size + 3 * batch * size + 192));
      engine.run('gru');
    },
  };

  const gruGrad: OptionalKernel = {
    accepts: ([gOutput, gH, output, gates, x, ...others], attrs) =>
      !(attrs as GradAttrs).inner && isSequence(gOutput) && isSequence(x) && x.count > 0 && [gH, output, gates, ...others].every(isPlain),
    run([gOutput, gH, output, gates, x, h0, weightIh, weightHh, bias], outputs, attrs) {
      const { reverse, input } = attrs as GradAttrs;
      const [steps, batch, features] = x.shape;
      const size = h0.shape[1];
      const all = steps * batch;
      command.begin(gruGradId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag(reverse);
      writeSequence(gOutput);
      command.address(gH);
      writeSequence(x);
      for (const given of [h0, weightIh, weightHh, output, gates, ...outputs.slice(0, 3)]) command.address(given);
      writeMaybe(bias === undefined ? undefined : outputs[3]);
      writeMaybe(bias === undefined ? undefined : outputs[4]);
      writeMaybe(input ? outputs[outputs.length - 1] : undefined);
      const width = 3 * size;
      const depth = features + size + 2;
      const packed = width * wholePanels(size) + (input ? width * wholePanels(features) : 0);
      command.scratch(4 * (packed + all * (spread(4 * size) + spread(depth)) + depth * width + 256));
      engine.run('gruGrad');
    },
  };

  return { lstm, lstmGrad, gru, gruGrad };
}
