import type { OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { isPlain, isRowMajor } from './operands.ts';

/** Bytes of images [N, C, ...] by a float32 table [C, 256]. */
export function lookUpKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const id = engine.kernelId('lookUp');

  const lookUp: OptionalKernel = {
    accepts: ([x, table]) => x.dtype === 'uint8' && isRowMajor(x) && isPlain(table),
    run([x, table], [out]) {
      const [count, channels] = x.shape;
      command.begin(id);
      command.number(count * channels);
      command.number(channels);
      command.number(count * channels === 0 ? 0 : x.count / (count * channels));
      command.address(x);
      command.address(table);
      command.address(out);
      engine.run('lookUp');
    },
  };

  return { lookUp };
}
