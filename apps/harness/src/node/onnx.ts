import { keep, type Tensor } from '@flambeau/core';
import type { Module } from '@flambeau/nn';
import { exportOnnx } from '@flambeau/serialization';

/** Remembers a few samples of the first batch that a network sees, as an example of its input. */
export class InputExample {
  private example: Tensor | undefined;

  constructor(network: Module) {
    const remove = network.registerForwardPreHook((_, [x]) => {
      this.example = keep(
        (x as Tensor)
          .detach()
          .narrow(0, 0, Math.min(2, (x as Tensor).size(0)))
          .clone(),
      );
      remove();
    });
  }

  /** Writes the network as ONNX, for batches of any size. Without an example, because no step was made, it writes nothing. */
  async export(network: Module, file: string): Promise<boolean> {
    if (this.example === undefined) return false;
    await exportOnnx(network, this.example, file, { dynamicAxes: { input: { 0: 'batch' } } });
    return true;
  }
}
