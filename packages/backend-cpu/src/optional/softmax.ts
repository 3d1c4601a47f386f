import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { arePlain, isPlain, isRowMajor } from './operands.ts';

interface CrossEntropyAttrs {
  readonly reduction: 'mean' | 'sum';
  readonly ignoreIndex: number;
}

const isLabels = (x: Operand): boolean => (x.dtype === 'int32' || x.dtype === 'int64') && isRowMajor(x);

/** Softmax and logSoftmax along any dimension, cross-entropy of classes, and their gradients, in float32. */
export function softmaxKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const ids = {
    softmax: engine.kernelId('softmax'),
    softmaxGrad: engine.kernelId('softmaxGrad'),
    crossEntropy: engine.kernelId('crossEntropy'),
    crossEntropyGrad: engine.kernelId('crossEntropyGrad'),
  };

  /** A softmax (one input) or its gradient (two). */
  const along = (op: string, id: number, logarithm: boolean): OptionalKernel => ({
    accepts: arePlain,
    run(inputs, [out], attrs) {
      const { dim } = attrs as { readonly dim: number };
      const { shape } = out;
      let inner = 1;
      for (let i = dim + 1; i < shape.length; i++) inner *= shape[i];
      command.begin(id);
      command.flag(logarithm);
      command.number(out.count / (inner * shape[dim]));
      command.number(shape[dim]);
      command.number(inner);
      for (const x of inputs) command.address(x);
      command.address(out);
      engine.run(op);
    },
  });

  const writeRows = (x: Operand, { reduction, ignoreIndex }: CrossEntropyAttrs): void => {
    command.number(x.shape[0]);
    command.number(x.shape[1]);
    command.flag(reduction === 'mean');
    command.number(ignoreIndex);
  };

  const crossEntropy: OptionalKernel = {
    accepts: ([x, target]) => isPlain(x) && isLabels(target),
    run([x, target], [loss, logProbabilities], attrs) {
      command.begin(ids.crossEntropy);
      writeRows(x, attrs as CrossEntropyAttrs);
      command.address(x);
      command.address(target);
      command.flag(target.dtype === 'int64');
      command.address(loss);
      command.address(logProbabilities);
      engine.run('crossEntropy');
    },
  };

  const crossEntropyGrad: OptionalKernel = {
    accepts: ([g, target, logProbabilities]) => g.dtype === 'float32' && g.count === 1 && isLabels(target) && isPlain(logProbabilities),
    run([g, target, logProbabilities], [out], attrs) {
      command.begin(ids.crossEntropyGrad);
      writeRows(logProbabilities, attrs as CrossEntropyAttrs);
      command.address(g);
      command.address(target);
      command.flag(target.dtype === 'int64');
      command.address(logProbabilities);
      command.address(out);
      engine.run('crossEntropy');
    },
  };

  return {
    softmax: along('softmax', ids.softmax, false),
    softmaxGrad: along('softmax', ids.softmaxGrad, false),
    logSoftmax: along('logSoftmax', ids.softmax, true),
    logSoftmaxGrad: along('logSoftmax', ids.softmaxGrad, true),
    crossEntropy,
    crossEntropyGrad,
  };
}
