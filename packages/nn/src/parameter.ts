import { Tensor } from '@flambeau/core';
import '@flambeau/autograd';

function adopt(into: Tensor, data: Tensor): void {
  data.storage.kept = true;
  into.viewed = undefined;
}

/** A tensor that a module learns: a field of a module that holds one registers it. It shares the storage of `data`. */
export class Parameter extends Tensor {
  constructor(data: Tensor, requiresGrad = true) {
    super(data.storage, data.dtype, data.shape, data.strides, data.offset, data.count);
    adopt(this, data);
    if (requiresGrad) this.requiresGrad = true;
  }
}

/** A tensor that belongs to a module's state without being learned, such as a running mean. */
export class Buffer extends Tensor {
  /** Whether the state dict holds it. */
  readonly persistent: boolean;

  constructor(data: Tensor, persistent = true) {
    super(data.storage, data.dtype, data.shape, data.strides, data.offset, data.count);
    adopt(this, data);
    this.persistent = persistent;
  }
}
