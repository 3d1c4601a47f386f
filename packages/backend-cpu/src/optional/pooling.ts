import type { OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { isPlain } from './operands.ts';

interface PoolAttrs {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly output: readonly number[];
}

interface AveragePoolAttrs extends PoolAttrs {
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;
}

/** Max pooling over one or two dimensions with its gradient, and average pooling, in float32. */
export function poolingKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [forwardId, gradId, averageId] = [engine.kernelId('maxPool2d'), engine.kernelId('maxPool2dGrad'), engine.kernelId('avgPool2d')];

  /** One dimension is a single row. */
  const write = (values: readonly number[], first: number): void => {
    if (values.length === 1) command.number(first);
    command.list(values);
  };

  const forward = (dims: 1 | 2): OptionalKernel => {
    return {
      accepts: ([x]) => isPlain(x),
      run([x], [values, indices], attrs) {
        const { kernel, stride, padding, dilation, output } = attrs as PoolAttrs;
        const size = x.shape.slice(x.shape.length - dims);
        command.begin(forwardId);
        command.number(x.count / size.reduce((n, m) => n * m, 1));
        write(size, 1);
        write(kernel, 1);
        write(stride, 1);
        write(padding, 0);
        write(dilation, 1);
        write(output, 1);
        command.address(x);
        command.address(values);
        command.address(indices);
        engine.run(`maxPool${dims}d`);
      },
    };
  };

  const grad = (dims: 1 | 2): OptionalKernel => ({
    accepts: ([g, indices]) => isPlain(g) && indices.dtype === 'int32',
    run([g, indices], [out]) {
      const last = (shape: readonly number[]): number => shape.slice(shape.length - dims).reduce((n, m) => n * m, 1);
      const places = last(out.shape);
      command.begin(gradId);
      command.number(out.count / places);
      command.number(places);
      command.number(last(g.shape));
      command.address(g);
      command.address(indices);
      command.address(out);
      engine.run(`maxPool${dims}d`);
    },
  });

  const average = (dims: 1 | 2): OptionalKernel => ({
    accepts: ([x]) => isPlain(x),
    run([x], [out], attrs) {
      const { kernel, stride, padding, output, countIncludePad, divisorOverride } = attrs as AveragePoolAttrs;
      const size = x.shape.slice(x.shape.length - dims);
      command.begin(averageId);
      command.number(x.count / size.reduce((n, m) => n * m, 1));
      write(size, 1);
      write(kernel, 1);
      write(stride, 1);
      write(padding, 0);
      write(output, 1);
      command.number(Number(countIncludePad));
      command.number(divisorOverride ?? 0);
      command.address(x);
      command.address(out);
      engine.run(`avgPool${dims}d`);
    },
  });

  return {
    maxPool1d: forward(1),
    maxPool2d: forward(2),
    maxPool1dGrad: grad(1),
    maxPool2dGrad: grad(2),
    avgPool1d: average(1),
    avgPool2d: average(2),
  };
}
