import { bytesOf, type Operand, type OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { isPlain, isRowMajor } from './operands.ts';

interface DimAttrs {
  readonly dim: number;
}

const isIndex = (x: Operand): boolean => (x.dtype === 'int32' || x.dtype === 'int64') && isRowMajor(x);

/** indexSelect of any dtype; indexAdd and the gradient of indexSelect in float32. */
export function sliceKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [selectId, addId] = [engine.kernelId('indexSelect'), engine.kernelId('indexAdd')];

  /** The tensor as [outer, n, inner], counted in `unit`, then the index. */
  const writeShape = (x: { readonly shape: readonly number[] }, dim: number, unit: number, index: Operand): void => {
    let [outer, inner] = [1, unit];
    for (let i = 0; i < x.shape.length; i++) {
      if (i < dim) outer *= x.shape[i];
      else if (i > dim) inner *= x.shape[i];
    }
    command.number(outer);
    command.number(x.shape[dim]);
    command.number(inner);
    command.address(index);
    command.flag(index.dtype === 'int64');
    command.number(index.count);
  };

  const indexSelect: OptionalKernel = {
    accepts: ([x, index]) => isRowMajor(x) && isIndex(index),
    run([x, index], [out], attrs) {
      command.begin(selectId);
      writeShape(x, (attrs as DimAttrs).dim, bytesOf(x.dtype), index);
      command.address(x);
      command.address(out);
      engine.run('indexSelect');
    },
  };

  const indexAdd: OptionalKernel = {
    accepts: ([x, index, source]) => isPlain(x) && isIndex(index) && isPlain(source),
    run([x, index, source], [out], attrs) {
      command.begin(addId);
      writeShape(x, (attrs as DimAttrs).dim, 1, index);
      command.address(x);
      command.address(source);
      command.address(out);
      engine.run('indexAdd');
    },
  };

  const indexSelectGrad: OptionalKernel = {
    accepts: ([index, g]) => isIndex(index) && isPlain(g),
    run([index, g], [out], attrs) {
      command.begin(addId);
      writeShape(out, (attrs as DimAttrs).dim, 1, index);
      command.number(0);
      command.address(g);
      command.address(out);
      engine.run('indexSelect');
    },
  };

  return { indexSelect, indexAdd, indexSelectGrad };
}
