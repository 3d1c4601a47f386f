import { ArgumentError, describe, defaultGenerator, ShapeError, showShape, type Tensor } from '@flambeau/core';
import { Module } from '../module.ts';
import { Buffer, Parameter, UninitializedBuffer, UninitializedParameter } from '../parameter.ts';

// What lazy modules share: they are built with a placeholder for the size that the first input will tell, and become the ordinary module
// of that size at the first forward, with the random numbers drawn then. The parameters stay the same objects.

type Fields = Record<string, unknown>;

/** How a lazy module goes on. It holds no reference to the module, so that a copy of the module can use it too. */
interface Pending {
  /** The field of the size. */
  readonly sizeField: string;
  /** The ordinary module of a size. */
  readonly build: (size: number) => Module;
  /** The size that an input tells. @throws ShapeError */
  readonly sizeOf: (x: Tensor) => number;
}

/** Where the random stream is; `postpone` puts it back there, for the placeholder has drawn from it. */
export const randomState = (): Uint8Array => defaultGenerator.getStateBytes();

/** Makes a module that was built with a placeholder lazy. */
export function postpone(module: Module, state: Uint8Array, pending: Pending): void {
  defaultGenerator.setStateBytes(state);
  const fields = module as unknown as Fields;
  for (const [field, x] of Object.entries(fields)) {
    if (x instanceof Parameter) fields[field] = new UninitializedParameter({ dtype: x.dtype, device: x.device }, x.requiresGrad);
    else if (x instanceof Buffer && x.ndim > 0) fields[field] = new UninitializedBuffer({ dtype: x.dtype, device: x.device });
  }
  fields[pending.sizeField] = 0;
  Object.defineProperty(module, 'pending', { value: pending, configurable: true, enumerable: false, writable: false });
}

const isUninitialized = (x: unknown): x is UninitializedParameter | UninitializedBuffer =>
  x instanceof UninitializedParameter || x instanceof UninitializedBuffer;

/** True while a module, or one below it, waits for its first input. */
export function hasUninitializedParameters(module: Module): boolean {
  if (!(module instanceof Module))
    throw new ArgumentError({ op: 'hasUninitializedParameters', expected: 'a module', received: describe(module) });
  for (const tensor of [...module.parameters(), ...module.buffers()]) if (isUninitialized(tensor)) return true;
  return false;
}

/** Gives a lazy module its size and the class that it becomes, and runs that. */
export function firstForward(module: Module, x: Tensor, ...rest: readonly unknown[]): Tensor {
  const { pending } = module as unknown as { pending: Pending };
  const fields = module as unknown as Fields;
  const size = pending.sizeOf(x);
  // What a state dict has brought already is not drawn.
  const drawn = Object.values(fields).some(isUninitialized);
  const state = randomState();
  const real = pending.build(size);
  if (!drawn) defaultGenerator.setStateBytes(state);
  for (const [field, value] of Object.entries(real)) {
    const own = fields[field];
    if (isUninitialized(own)) {
      const made = (value as Tensor).to(own.device, own.dtype);
      own.materialize(made.shape);
      own.data = made.detach();
    } else if (field === pending.sizeField) fields[field] = value;
  }
  delete fields['pending'];
  Object.setPrototypeOf(module, Object.getPrototypeOf(real) as object);
  const { forward } = Object.getPrototypeOf(module) as { forward: (...inputs: readonly unknown[]) => Tensor };
  return forward.call(module, x, ...rest);
}

/** The channels of an input with `dims` spatial dimensions: [N, C, ...S], or [C, ...S] where `unbatched` allows it. */
export const channelsOf =
  (op: string, dims: readonly number[], unbatched: boolean) =>
  (x: Tensor): number => {
    for (const d of dims) {
      if (x.ndim === d + 2) return x.shape[1];
      if (unbatched && x.ndim === d + 1) return x.shape[0];
    }
    throw new ShapeError({ op, expected: `an input of ${dims.map((d) => d + 2).join(' or ')} dimensions`, received: showShape(x.shape) });
  };
