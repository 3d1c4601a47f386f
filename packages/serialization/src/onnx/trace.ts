import {
  defaultGenerator,
  getDefaultDevice,
  installLayer,
  NotSupportedError,
  Tensor,
  type DType,
  type Op,
  type Shape,
  type Storage,
} from '@flambeau/core';
import type { Module } from '@flambeau/nn';
import { bytesOfTensor } from '../tensorBytes.ts';
import { findConverter } from './converters.ts';
import { unread } from './unread.ts';

/** A tensor in a trace. */
export interface TracedValue {
  readonly kind: 'input' | 'constant' | 'result';
  readonly shape: Shape;
  readonly dtype: DType;
  /** Inputs by their names, parameters and buffers by theirs in the state dict. */
  readonly name: string | undefined;
  /** The elements of a constant, in row-major order. */
  bytes: Uint8Array | undefined;
}

/** An op that ran, with its values by their places in the list. */
export interface TracedOp {
  readonly op: Op;
  readonly attrs: unknown;
  readonly scalars: readonly number[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** What a model did with its inputs. */
export interface Trace {
  readonly values: readonly TracedValue[];
  readonly ops: readonly TracedOp[];
  readonly outputs: readonly number[];
}

/** A seen tensor, and the version that its storage had. */
interface Seen {
  readonly tensor: Tensor;
  readonly index: number;
  readonly version: number;
}

const sameLayout = (a: Tensor, b: Tensor): boolean =>
  a.dtype === b.dtype && a.offset === b.offset && a.shape.join() === b.shape.join() && a.strides.join() === b.strides.join();

class Tracer {
  readonly values: TracedValue[] = [];
  readonly ops: TracedOp[] = [];
  private readonly byTensor = new Map<Tensor, Seen>();
  private readonly byStorage = new Map<Storage, Seen[]>();
  private readonly names: ReadonlyMap<Tensor, string>;
  private readonly pending: { tensor: Tensor; value: TracedValue; version: number }[] = [];
  /** The values that follow from the inputs, by their places. */
  private readonly following = new Set<number>();
  private muted = false;

  constructor(names: ReadonlyMap<Tensor, string>) {
    this.names = names;
  }

  add(tensor: Tensor, kind: TracedValue['kind'], name?: string): number {
    const index = this.values.length;
    this.values.push({ kind, shape: tensor.shape, dtype: tensor.dtype, name, bytes: undefined });
    if (kind === 'input') this.following.add(index);
    this.note(tensor, index);
    return index;
  }

  /** True while a traced op's values would be read that follow from the inputs. */
  follows(storage: Storage): boolean {
    return !this.muted && (this.byStorage.get(storage) ?? []).some(({ index }) => this.following.has(index));
  }

  private note(tensor: Tensor, index: number): void {
    const seen: Seen = { tensor, index, version: tensor.storage.version };
    this.byTensor.set(tensor, seen);
    const others = this.byStorage.get(tensor.storage) ?? [];
    others.push(seen);
    this.byStorage.set(tensor.storage, others);
  }

  /** The place of a tensor's value; one that nobody has seen is a constant. */
  find(tensor: Tensor, op: string): number {
    const known = this.byTensor.get(tensor) ?? this.byStorage.get(tensor.storage)?.find((seen) => sameLayout(seen.tensor, tensor));
    if (known !== undefined) {
      if (known.version !== tensor.storage.version) {
        throw new NotSupportedError({
          op: 'exportOnnx',
          expected: 'a forward that changes no tensor in place',
          received: `${op} on a tensor that was changed after it was made`,
          hint: 'Use the form that returns a new tensor, such as add for add_.',
        });
      }
      return known.index;
    }
    const related = this.byStorage.get(tensor.storage)?.find(({ index }) => this.values[index].kind !== 'constant');
    if (related !== undefined)
      throw new NotSupportedError({
        op: 'exportOnnx',
        expected: 'views that ops make',
        received: `another view of a traced tensor in ${op}`,
      });
    const index = this.add(tensor, 'constant', this.names.get(tensor) ?? this.nameByStorage(tensor));
    const value = this.values[index];
    if (tensor.device.downloadSync === undefined) this.pending.push({ tensor, value, version: tensor.storage.version });
    else this.silently(() => (value.bytes = readNow(tensor)));
    return index;
  }

  private nameByStorage(tensor: Tensor): string | undefined {
    for (const [named, name] of this.names) if (named.storage === tensor.storage && sameLayout(named, tensor)) return name;
    return undefined;
  }

  private silently<T>(run: () => T): T {
    const outer = this.muted;
    this.muted = true;
    try {
      return run();
    } finally {
      this.muted = outer;
    }
  }

  /** Follows every op while `run` runs. */
  follow<T>(run: () => T): T {
    const remove = installLayer((op, inputs, attrs, scalars, below) => {
      if (this.muted) return below(op, inputs, attrs, scalars);
      if (op.name === 'assign') return this.assign(op, inputs, () => this.silently(() => below(op, inputs, attrs, scalars)));
      const converter = findConverter(op.name);
      if (converter !== undefined && (converter.accepts === undefined || converter.accepts(attrs, inputs))) {
        const places = inputs.map((x) => this.find(x, op.name));
        const outputs = this.silently(() => below(op, inputs, attrs, scalars));
        const results = outputs.map((y) => this.add(y, 'result'));
        if (places.some((place) => this.following.has(place))) for (const place of results) this.following.add(place);
        this.ops.push({ op, attrs, scalars, inputs: places, outputs: results });
        return outputs;
      }
      if (op.compose !== undefined) {
        op.infer?.(inputs, attrs, scalars);
        return op.compose(inputs, attrs, scalars);
      }
      // What depends on no input is computed now and becomes a constant.
      const places = inputs.map((x) => this.find(x, op.name));
      if (places.every((place) => this.values[place].kind === 'constant')) return this.silently(() => below(op, inputs, attrs, scalars));
      throw new NotSupportedError({
        op: 'exportOnnx',
        expected: 'ops that ONNX has',
        received: op.name,
        hint: 'Leave it out of forward, or compute it after the exported model.',
      });
    });
    try {
      return run();
    } finally {
      remove();
    }
  }

  /** After `x.add_(y)` the tensor x stands for the sum; its other views can no longer be used. */
  private assign(op: Op, [target, value]: readonly Tensor[], run: () => Tensor[]): Tensor[] {
    const index = this.find(value, op.name);
    if (target.viewed !== undefined)
      throw new NotSupportedError({
        op: 'exportOnnx',
        expected: 'changes of whole tensors',
        received: 'a change of a view in place',
        hint: 'Build the result with cat or where.',
      });
    const outputs = run();
    this.note(target, index);
    return outputs;
  }

  /** Reads constants from devices that need waiting. */
  async settle(): Promise<void> {
    for (const { tensor, value, version } of this.pending) {
      if (tensor.storage.version !== version)
        throw new NotSupportedError({
          op: 'exportOnnx',
          expected: 'a forward that changes no tensor in place',
          received: 'a constant that was changed',
        });
      value.bytes = await bytesOfTensor(tensor);
    }
  }
}

function readNow(tensor: Tensor): Uint8Array {
  const data = tensor.contiguous();
  const width = data.storage.byteLength === 0 ? 0 : elementWidth(data.dtype);
  return data.device.downloadSync?.(data.storage, data.offset * width, data.count * width).slice() ?? new Uint8Array(0);
}
const elementWidth = (dtype: DType): number => (dtype === 'bool' ? 1 : Number(/\d+$/.exec(dtype)?.[0] ?? 8) / 8);

/** Every tensor in a value, in order. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (value instanceof Map) return [...value.values()].flatMap(tensorsIn);
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.values(value).flatMap(tensorsIn);
  return [];
}

/** Runs a model, in evaluation mode, and notes what it does with its inputs. */
export async function traceModel(model: Module, args: readonly unknown[], inputNames: readonly string[]): Promise<Trace> {
  const names = new Map<Tensor, string>([...model.namedParameters(), ...model.namedBuffers()].map(([name, tensor]) => [tensor, name]));
  const tracer = new Tracer(names);
  tensorsIn(args).forEach((tensor, i) => tracer.add(tensor, 'input', inputNames[i]));
  const before = defaultGenerator.getStateBytes();
  const devices = new Set([getDefaultDevice(), ...tensorsIn(args).map(({ device }) => device), ...[...names.keys()].map(({ device }) => device)]); // prettier-ignore
  const outputs = unread(
    devices,
    (storage) => tracer.follows(storage),
    () =>
      tracer.follow(() => {
        const result = model.forward(...args);
        return tensorsIn(result).map((tensor) => tracer.find(tensor, 'the output'));
      }),
  );
  if (outputs.length === 0) throw new NotSupportedError({ op: 'exportOnnx', expected: 'a forward that returns tensors', received: 'none' });
  if (defaultGenerator.getStateBytes().some((byte, i) => byte !== before[i]))
    throw new NotSupportedError({
      op: 'exportOnnx',
      expected: 'a forward without random numbers',
      received: 'one that draws some',
      hint: 'They would be frozen into the file: pass them as an input.',
    });
  await tracer.settle();
  return { values: tracer.values, ops: tracer.ops, outputs };
}
