import { checkInput, empty, ValueError, Tensor, type Device, type DType, type Shape } from '@flambeau/core';
import '@flambeau/autograd';

function adopt(into: Tensor, data: Tensor): void {
  data.storage.kept = true;
  into.viewed = undefined;
}

/** A tensor that a module learns: a field of a module that holds one registers it. It shares the storage of `data`. */
export class Parameter extends Tensor {
  constructor(data: Tensor, requiresGrad = true) {
    super(checkInput('Parameter', data).storage, data.dtype, data.shape, data.strides, data.offset, data.count);
    adopt(this, data);
    if (requiresGrad) this.requiresGrad = true;
  }
}

/** A tensor that belongs to a module's state without being learned, such as a running mean. */
export class Buffer extends Tensor {
  /** Whether the state dict holds it. */
  readonly persistent: boolean;

  constructor(data: Tensor, persistent = true) {
    super(checkInput('Buffer', data).storage, data.dtype, data.shape, data.strides, data.offset, data.count);
    adopt(this, data);
    this.persistent = persistent;
  }
}

/** Where and as what an uninitialized tensor will be made. */
interface FactoryOptions {
  /** Where the tensor will lie; the default device when missing. */
  device?: Device;
  /** Its dtype; float32 by default. */
  dtype?: DType;
}

/** Gives a tensor its shape, and the type that it becomes. */
function materialize(x: Tensor, shape: Shape, become: object): void {
  x.data = empty(shape, { dtype: x.dtype, device: x.device });
  Object.setPrototypeOf(x, become);
}

/** A parameter whose shape is not known yet: lazy modules give it one at the first forward. The object stays the same, so optimizers may hold it. */
export class UninitializedParameter extends Parameter {
  constructor(options: FactoryOptions = {}, requiresGrad = true) {
    super(empty([0], options), requiresGrad);
  }

  /** Gives it memory, and makes it an ordinary Parameter. */
  materialize(shape: Shape): void {
    materialize(this, shape, Parameter.prototype);
  }

  override toString(): string {
    return '<UninitializedParameter>';
  }
}

/** A buffer whose shape is not known yet. */
export class UninitializedBuffer extends Buffer {
  constructor(options: FactoryOptions = {}) {
    super(empty([0], options));
  }

  /** Gives it memory, and makes it an ordinary Buffer. */
  materialize(shape: Shape): void {
    materialize(this, shape, Buffer.prototype);
  }

  override toString(): string {
    return '<UninitializedBuffer>';
  }
}

/** @throws ValueError when the tensor has no shape yet. */
export function checkInitialized(op: string, x: Tensor): void {
  if (x instanceof UninitializedParameter || x instanceof UninitializedBuffer) {
    throw new ValueError({
      op,
      expected: 'parameters that have a shape',
      received: 'one of a lazy module',
      hint: 'Run the module once on a sample input first.',
    });
  }
}
