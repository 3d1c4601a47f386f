import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { isFloat32, isPlain, isRowMajor } from './operands.ts';
import { scratchBytes } from './product.ts';

interface RecurrentAttrs {
  readonly reverse: boolean;
}

/** A sequence whose features lie together; step and sample may have any stride, as batchFirst gives it. */
const isSequence = (x: Operand): boolean => isFloat32(x) && (x.strides[2] === 1 || x.shape[2] === 1);
const wholePanels = (n: number): number => Math.ceil(n / 32) * 32;

/** LSTM over a whole sequence, and its gradient, in float32. */
export function recurrentKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [forwardId, gradId] = [engine.kernelId('lstm'), engine.kernelId('lstmGrad')];

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
      const rows = isRowMajor(x) ? 0 : x.count;
      command.begin(forwardId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag((attrs as RecurrentAttrs).reverse);
      writeSequence(x);
      for (const input of [h0, c0, weightIh, weightHh]) command.address(input);
      writeMaybe(biasIh);
      writeMaybe(biasHh);
      for (const output of outputs) command.address(output);
      command.scratch(4 * (4 * size + size * wholePanels(4 * size) + rows + 128) + scratchBytes(steps * batch, 4 * size, features, 4));
      engine.run('lstm');
    },
  };

  const lstmGrad: OptionalKernel = {
    accepts: ([gOutput, gH, gC, output, gates, cells, x, ...others]) =>
      isSequence(gOutput) && isSequence(x) && x.count > 0 && [gH, gC, output, gates, cells, ...others].every(isPlain),
    run([gOutput, gH, gC, output, gates, cells, x, h0, c0, weightIh, weightHh, bias], outputs, attrs) {
      const [steps, batch, features] = x.shape;
      const size = h0.shape[1];
      const all = steps * batch;
      const rows = isRowMajor(x) ? 0 : x.count;
      const [dh0, dc0, dWeightIh, dWeightHh] = outputs;
      const dBias = bias === undefined ? undefined : outputs[4];
      const dx = outputs.length > (bias === undefined ? 4 : 5) ? outputs[outputs.length - 1] : undefined;
      command.begin(gradId);
      for (const n of [steps, batch, features, size]) command.number(n);
      command.flag((attrs as RecurrentAttrs).reverse);
      writeSequence(gOutput);
      command.address(gH);
      command.address(gC);
      writeSequence(x);
      for (const input of [h0, c0, weightIh, weightHh, output, gates, cells, dh0, dc0, dWeightIh, dWeightHh]) command.address(input);
      writeMaybe(dBias);
      writeMaybe(dx);
      const product = Math.max(
        scratchBytes(4 * size, features, all, 4),
        scratchBytes(4 * size, size, all, 4),
        scratchBytes(all, features, 4 * size, 4),
      );
      command.scratch(4 * (4 * size * wholePanels(size) + all * 4 * size + rows + 128) + product);
      engine.run('lstm');
    },
  };

  return { lstm, lstmGrad };
}
