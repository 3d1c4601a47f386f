import type { Device, DType, Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import type { Pack } from './pack.ts';

/** A value as a case file writes it. */
export type Encoded = null | boolean | number | string | readonly Encoded[] | { readonly [key: string]: Encoded };

/** An expected output or gradient: a tensor of the pack, or a plain value. */
export interface Expected {
  readonly tensor?: number;
  /** How far PyTorch's own float32 result lies from the float64 reference. */
  readonly slack?: number;
  readonly value?: Encoded;
}

export interface Cotangent {
  readonly out: number;
  readonly tensor: number;
}

interface Call {
  readonly id: string;
  readonly args: readonly Encoded[];
  readonly kwargs: Readonly<Record<string, Encoded>>;
  readonly out?: readonly Expected[];
  readonly cotangents?: readonly Cotangent[];
  readonly grads?: readonly (Expected | null)[];
  /** PyTorch's own message for an invalid call. */
  readonly error?: string;
}

export interface OperatorCase extends Call {
  readonly op: string;
  readonly variant: string;
}

export interface ModuleCase extends Call {
  readonly module: string;
  readonly training: boolean;
  readonly ctor: { readonly args: readonly Encoded[]; readonly kwargs: Readonly<Record<string, Encoded>> };
  readonly state: Readonly<Record<string, { readonly tensor: number }>>;
  readonly param_grads?: Readonly<Record<string, Expected | null>>;
  readonly buffers_after?: Readonly<Record<string, Expected>>;
}

export interface OptimizerCase {
  readonly id: string;
  readonly optimizer: string;
  readonly kwargs: Readonly<Record<string, Encoded>>;
  readonly params: readonly number[];
  readonly steps: readonly { readonly grads: readonly (number | null)[]; readonly params: readonly number[] }[];
}

export interface ScheduleCase {
  readonly id: string;
  readonly scheduler: string;
  readonly base_lr: number;
  readonly kwargs: Readonly<Record<string, Encoded>>;
  readonly lrs: readonly number[];
}

export type Status = 'passed' | 'wrongValue' | 'wrongGradient' | 'notImplemented' | 'errorMissing' | 'crashed' | 'notSupported';

/** What became of one case. */
export interface Outcome {
  readonly id: string;
  readonly status: Status;
  readonly detail: string;
}

/** A Python slice `start:stop:step`. */
export class PythonSlice {
  readonly text: string;

  constructor(parts: readonly Encoded[]) {
    const [start, stop, step] = parts;
    const show = (part: Encoded | undefined): string => (typeof part === 'number' ? String(part) : '');
    this.text = `${show(start)}:${show(stop)}${typeof step === 'number' ? `:${step}` : ''}`;
  }
}

/** A call that the backend cannot take because it does not store one of its dtypes. */
export class UnsupportedDType extends Error {}

/** Turns encoded values into those that our functions take, and remembers the tensors that want a gradient. */
export class Decoder {
  /** In the order in which they stand in args, then kwargs. */
  readonly wanted: Tensor[] = [];
  private readonly pack: Pack;
  private readonly device: Device;

  /** Hands float64 over as float32 where the device has none: for cases that are judged as loosely as that. */
  private readonly narrow: boolean;

  constructor(pack: Pack, device: Device, narrow = false) {
    this.pack = pack;
    this.device = device;
    this.narrow = narrow;
  }

  /** The dtype to ask for; int32 stands for int64 where the device has none. */
  dtype(dtype: DType): DType {
    if (this.device.supports(dtype)) return dtype;
    if (dtype === 'int64') return 'int32';
    if (dtype === 'float64' && this.narrow) return 'float32';
    throw new UnsupportedDType(dtype);
  }

  tensor(id: number, requiresGrad = false): Tensor {
    this.dtype(this.pack.entry(id).dtype);
    const made = this.pack.tensor(id, this.device);
    if (requiresGrad) {
      made.requiresGrad = true;
      this.wanted.push(made);
    }
    return made;
  }

  decode(value: Encoded): unknown {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return (value as readonly Encoded[]).map((item) => this.decode(item));
    const object = value as { readonly [key: string]: Encoded };
    if ('tensor' in object) return this.tensor(object['tensor'] as number, object['requires_grad'] === true);
    if ('tuple' in object) return (object['tuple'] as readonly Encoded[]).map((item) => this.decode(item));
    if ('dict' in object) return this.decodeAll(object['dict'] as Readonly<Record<string, Encoded>>);
    if ('dtype' in object) return this.dtype(object['dtype'] as DType);
    if ('slice' in object) return new PythonSlice(object['slice'] as readonly Encoded[]);
    if ('ellipsis' in object) return '...';
    if ('float' in object) return { inf: Infinity, '-inf': -Infinity, nan: NaN }[object['float'] as string];
    if ('int' in object) return BigInt(object['int'] as string);
    return this.decodeAll(object);
  }

  decodeAll(values: Readonly<Record<string, Encoded>>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, this.decode(value)]));
  }
}
