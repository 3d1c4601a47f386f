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

/** Max pooling over one or two dimensions and its gradient, in float32. */
export function poolingKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [forwardId, gradId] = [engine.kernelId('maxPool2d'), engine.kernelId('maxPool2dGrad')];

  const forward = (dims: 1 | 2): OptionalKernel => {
    const write = (values: readonly number[], first: number): void => {
      if (dims === 1) command.number(first);
      command.list(values);
    };
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

  return { maxPool1d: forward(1), maxPool2d: forward(2), maxPool1dGrad: grad(1), maxPool2dGrad: grad(2) };
}
