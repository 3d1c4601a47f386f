import { checkInput, addTensorMethods, DTypeError, isFloat, Tensor } from '@flambeau/core';
import { registerPostAccumulateGradHook, type AccumulateHook } from './accumulation.ts';
import { backward as walk, type BackwardOptions } from './backward.ts';
import { AutogradError } from './error.ts';
import { edgeOf } from './record.ts';
import { tapeIfAny, tapeOf, type GradHook } from './tape.ts';

declare module '@flambeau/core' {
  interface Tensor {
    /** True when ops on this tensor are recorded; set it on leaves. @throws DTypeError unless the tensor is of floats. */
    requiresGrad: boolean;
    /** The gradient that `backward` has gathered; undefined before. */
    grad: Tensor | undefined;
    /** True unless the tensor was computed from one that requires a gradient. */
    readonly isLeaf: boolean;
    /** The name of the op that made this tensor; undefined for leaves. */
    readonly gradFn: string | undefined;
    /** Sets `requiresGrad`. @returns this tensor */
    requiresGrad_(requiresGrad?: boolean): this;
    /** The same elements without history, sharing the storage. */
    detach(): Tensor;
    /** Cuts this tensor off its history. @returns this tensor */
    detach_(): this;
    /** Keeps the gradient of a tensor that is not a leaf. */
    retainGrad(): void;
    /** Calls `hook` with the gradient of this tensor in each walk; what it returns takes its place. @returns a function that removes it */
    registerHook(hook: GradHook): () => void;
    /** Calls `hook` with this leaf each time `backward` has added to its `grad`. @returns a function that removes it */
    registerPostAccumulateGradHook(hook: AccumulateHook): () => void;
    /** Walks from this tensor to the leaves and adds to their `grad`. `gradient` may be left out for a scalar. */
    backward(gradient?: Tensor, options?: BackwardOptions & { inputs?: readonly Tensor[] }): void;
  }
}

function setRequiresGrad(x: Tensor, requiresGrad: boolean): void {
  if (requiresGrad && !isFloat(x.dtype)) {
    throw new DTypeError({ op: 'requiresGrad', expected: 'a tensor of floats', received: x.dtype, hint: "Cast it: x.to('float32')." });
  }
  const edge = edgeOf(x);
  if (!requiresGrad && edge !== undefined && edge.node.leaf === undefined) {
    throw new AutogradError({
      op: 'requiresGrad',
      expected: 'a leaf',
      received: `the result of ${edge.node.name}`,
      hint: 'Use detach() to cut it off its history.',
    });
  }
  tapeOf(x).requiresGrad = requiresGrad;
}

/** A tensor over the same storage without history. */
function detach(x: Tensor): Tensor {
  return new Tensor(x.storage, x.dtype, x.shape, x.strides, x.offset, x.count);
}

function setGrad(x: Tensor, gradient: Tensor | undefined | null): void {
  const tape = tapeOf(x);
  if (gradient) gradient.storage.kept = true;
  // A gradient that no caller has seen can be used again at once.
  else if (tape.grad !== undefined && !tape.gradRead && tape.grad.storage.pins === 0) tape.grad.storage.release();
  tape.grad = gradient ?? undefined;
  tape.gradRead = Boolean(gradient);
}

Object.defineProperties(Tensor.prototype, {
  requiresGrad: {
    configurable: true,
    get(this: Tensor): boolean {
      return edgeOf(this) !== undefined;
    },
    set: function (this: Tensor, value: boolean): void {
      setRequiresGrad(this, value);
    },
  },
  grad: {
    configurable: true,
    get(this: Tensor): Tensor | undefined {
      const tape = tapeIfAny(this);
      if (tape !== undefined) tape.gradRead = true;
      return tape?.grad;
    },
    set: function (this: Tensor, value: Tensor | undefined | null): void {
      setGrad(this, value);
    },
  },
  isLeaf: {
    configurable: true,
    get(this: Tensor): boolean {
      const edge = edgeOf(this);
      return edge === undefined || edge.node.leaf !== undefined;
    },
  },
  gradFn: {
    configurable: true,
    get(this: Tensor): string | undefined {
      const edge = edgeOf(this);
      return edge === undefined || edge.node.leaf !== undefined ? undefined : edge.node.name;
    },
  },
});

/** The gradient without marking it as seen, for optimizers. */
export const peekGrad = (x: Tensor): Tensor | undefined => tapeIfAny(checkInput('peekGrad', x))?.grad;

addTensorMethods({
  requiresGrad_(x: Tensor, requiresGrad = true): Tensor {
    setRequiresGrad(x, requiresGrad);
    return x;
  },
  detach,
  detach_(x: Tensor): Tensor {
    if (x.viewed !== undefined)
      throw new AutogradError({ op: 'detach_', expected: 'a tensor that is not a view', received: 'a view', hint: 'Use detach().' });
    x.tape = undefined;
    return x;
  },
  retainGrad(x: Tensor): void {
    const edge = edgeOf(x);
    if (edge === undefined)
      throw new AutogradError({ op: 'retainGrad', expected: 'a tensor that requires a gradient', received: 'one that does not' });
    if (edge.node.leaf !== undefined || tapeOf(x).retainsGrad) return;
    tapeOf(x).retainsGrad = true;
    (edge.node.retained ??= []).push({ index: edge.index, tensor: x });
  },
  registerHook(x: Tensor, hook: GradHook): () => void {
    const edge = edgeOf(x);
    if (edge === undefined)
      throw new AutogradError({ op: 'registerHook', expected: 'a tensor that requires a gradient', received: 'one that does not' });
    const entry = { index: edge.index, run: hook };
    (edge.node.hooks ??= []).push(entry);
    return () => {
      edge.node.hooks = edge.node.hooks?.filter((other) => other !== entry);
    };
  },
  registerPostAccumulateGradHook,
  backward: (x: Tensor, gradient?: Tensor, options?: BackwardOptions): void => walk(x, gradient, options),
});
