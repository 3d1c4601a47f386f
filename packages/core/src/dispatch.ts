import { bytesOf, isFloat, type DType } from './dtype.ts';
import { ArgumentError, DTypeError, DeviceError, ReleasedError, describe } from './errors.ts';
import { contiguousStrides } from './layout.ts';
import { internalScope, track } from './memory.ts';
import type { Op, Spec } from './op.ts';
import type { Device, OptionalKernel } from './seam.ts';
import { numel, type Shape } from './shape.ts';
import { Storage } from './storage.ts';
import { Tensor } from './tensor.ts';

/** Runs an op on tensors. */
export type Dispatch = (op: Op, inputs: readonly Tensor[], attrs: unknown, scalars: readonly number[]) => Tensor[];

/** Middleware for ops: `below` runs the op in the layers under this one. */
export type Layer = (op: Op, inputs: readonly Tensor[], attrs: unknown, scalars: readonly number[], below: Dispatch) => Tensor[];

const noScalars: readonly number[] = [];
let layers: readonly Layer[] = [];
let top: Dispatch = evaluate;

function rebuild(): void {
  top = layers.reduce<Dispatch>((below, layer) => (op, inputs, attrs, scalars) => layer(op, inputs, attrs, scalars, below), evaluate);
}

/** Puts a layer on top of the stack; the returned function takes it out again. */
export function installLayer(layer: Layer): () => void {
  layers = [...layers, layer];
  rebuild();
  return () => {
    layers = layers.filter((other) => other !== layer);
    rebuild();
  };
}

/** Puts a layer at the bottom of the stack, where it sees what really runs; the returned function takes it out again. */
export function installBottomLayer(layer: Layer): () => void {
  layers = [layer, ...layers];
  rebuild();
  return () => {
    layers = layers.filter((other) => other !== layer);
    rebuild();
  };
}

/** Runs an op through all layers. `attrs` is plain data that shapes the program; numbers that change from step to step are `scalars`. */
export function dispatch<Attrs>(op: Op<Attrs>, inputs: readonly Tensor[], attrs: Attrs, scalars: readonly number[] = noScalars): Tensor[] {
  return top(op as Op, inputs, attrs, scalars);
}

/** The same for an op with one output. */
export function dispatchOne<Attrs = undefined>(
  op: Op<Attrs>,
  inputs: readonly Tensor[],
  attrs?: Attrs,
  scalars: readonly number[] = noScalars,
): Tensor {
  return top(op as Op, inputs, attrs, scalars)[0];
}

/** A new contiguous tensor with arbitrary content. */
export function allocate(device: Device, shape: Shape, dtype: DType, origin: string): Tensor {
  if (!device.supports(dtype)) {
    throw new DTypeError({
      op: origin,
      expected: `a dtype that the device ${device.name} can store`,
      received: dtype,
      hint: dtype === 'int64' ? 'Use int32 there: x.to(int32).' : 'Use float32 there: x.to(float32).',
    });
  }
  const size = numel(shape);
  const storage = new Storage(device, size * bytesOf(dtype), origin);
  track(storage);
  return new Tensor(storage, dtype, shape, contiguousStrides(shape), 0, size);
}

function checkInputs(op: Op, inputs: readonly Tensor[]): Device | undefined {
  if (inputs.length === 0) return undefined;
  // A number or a forgotten argument gets here from JavaScript, where nothing checks types.
  const device = (inputs[0] as Partial<Tensor> | undefined)?.storage?.device;
  for (let i = 0; i < inputs.length; i++) {
    const storage = (inputs[i] as Partial<Tensor> | undefined)?.storage;
    if (storage === undefined || device === undefined) {
      throw new ArgumentError({
        op: op.name,
        expected: 'tensors',
        received: inputs.map(describe).join(', '),
        hint: 'Make one with tensor(value).',
      });
    }
    if (storage.released) {
      throw new ReleasedError({
        op: op.name,
        expected: 'a tensor that is still alive',
        received: `one made by ${storage.origin} that was released`,
        hint: 'It was disposed, or the scope that made it has ended: return it from the scope, or keep(tensor).',
      });
    }
    if (storage.device !== device) {
      throw new DeviceError({
        op: op.name,
        expected: 'all tensors on one device',
        received: `${device.name} and ${storage.device.name}`,
        hint: 'Move one of them with x.to(device), or the module with model.to(device).',
      });
    }
  }
  return device;
}

const optionalKernels = new WeakMap<Device, (OptionalKernel | null | undefined)[]>();
let lastDevice: Device | undefined;
let lastTable: (OptionalKernel | null | undefined)[] = [];

function optionalKernel(device: Device, op: Op): OptionalKernel | null {
  if (device !== lastDevice) {
    lastDevice = device;
    lastTable = optionalKernels.get(device) ?? [];
    optionalKernels.set(device, lastTable);
  }
  const found = lastTable[op.id];
  if (found !== undefined) return found;
  return (lastTable[op.id] = (Object.hasOwn(device.optional, op.name) ? device.optional[op.name] : null) ?? null);
}

/** The bottom of the stack: runs the view, the backend's own kernel, the required kernel or the composition of an op. */
export function evaluate(op: Op, inputs: readonly Tensor[], attrs: unknown, scalars: readonly number[]): Tensor[] {
  const device = checkInputs(op, inputs) ?? (attrs as { device: Device }).device;
  if (op.view !== undefined) return [viewTensor(op, inputs[0], attrs)];
  const optional = optionalKernel(device, op);
  if (optional !== null && op.infer !== undefined && (optional.accepts === undefined || optional.accepts(inputs, attrs, scalars))) {
    const outputs = allocateAll(op, device, op.infer(inputs, attrs, scalars));
    const done = observe?.(op, device, 'own kernel');
    optional.run(inputs, outputs, attrs, scalars);
    bumpVersions(op, inputs);
    done?.(outputs);
    return outputs;
  }
  if (op.kernel !== undefined && op.infer !== undefined) {
    const specs = op.infer(inputs, attrs, scalars);
    if (!op.moves && !computesAll(device, inputs, specs)) return evaluateWider(op, device, inputs, specs, attrs, scalars);
    const outputs = allocateAll(op, device, specs);
    const done = observe?.(op, device, 'kernel');
    op.kernel(device.kernels, inputs, outputs, attrs, scalars);
    bumpVersions(op, inputs);
    done?.(outputs);
    return outputs;
  }
  const { compose } = op;
  if (compose === undefined) throw new Error(`${op.name}: an op needs a view, a kernel or a composition`);
  const specs = op.infer?.(inputs, attrs, scalars);
  const done = observe?.(op, device, 'composition');
  const outputs =
    specs !== undefined && op.mutates === undefined && inputs.some(isHalf)
      ? composeWider(op, inputs, specs, attrs, scalars)
      : (internalScope(() => compose.call(op, inputs, attrs, scalars)) as Tensor[]);
  // What a composition returns was made, and counted, by its parts.
  done?.(none);
  return outputs;
}

const isHalf = ({ dtype }: Tensor): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** The values in another dtype, below every layer. */
function converted(op: Op, x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  const out = allocate(x.storage.device, x.shape, dtype, op.name);
  x.storage.device.kernels.copy(x, out);
  return out;
}

/** Composes in float32 what has 16 bits, so that the result is rounded once and not at every step. */
function composeWider(op: Op, inputs: readonly Tensor[], specs: readonly Spec[], attrs: unknown, scalars: readonly number[]): Tensor[] {
  return internalScope(() => {
    const wide = inputs.map((x) => (isHalf(x) ? converted(op, x, 'float32') : x));
    const outputs = op.compose?.(wide, attrs, scalars) ?? [];
    return outputs.map((out, i) => (i < specs.length ? converted(op, out, specs[i].dtype) : out));
  }) as Tensor[];
}

/** How an op came to run. */
export type Route = 'view' | 'own kernel' | 'kernel' | 'composition' | 'wider dtype';

/** Called before an op runs; what it returns is called after, with the tensors that were allocated. An op that throws is not ended. */
export type DispatchObserver = (op: Op, device: Device, route: Route) => ((made: readonly Tensor[]) => void) | void;

const none: readonly Tensor[] = [];
let observe: DispatchObserver | undefined;

/** Calls `observer` for each op that runs, until the returned function is called. */
export function observeDispatch(observer: DispatchObserver): () => void {
  const outer = observe;
  observe = observer;
  return () => {
    observe = outer;
  };
}

function viewTensor(op: Op, x: Tensor, attrs: unknown): Tensor {
  const done = observe?.(op, x.storage.device, 'view');
  const layout = op.view?.(x, attrs) ?? x;
  done?.(none);
  const out = new Tensor(x.storage, x.dtype, layout.shape, layout.strides, layout.offset, numel(layout.shape));
  out.viewed = { op, attrs, of: x };
  return out;
}

function allocateAll(op: Op, device: Device, specs: readonly Spec[]): Tensor[] {
  if (specs.length === 1) return [allocate(device, specs[0].shape, specs[0].dtype, op.name)];
  return specs.map((spec) => allocate(device, spec.shape, spec.dtype, op.name));
}

function bumpVersions(op: Op, inputs: readonly Tensor[]): void {
  // An op may take less than all its inputs, such as a momentum buffer.
  if (op.mutates !== undefined) for (const i of op.mutates) if (i < inputs.length) inputs[i].storage.version++;
}

function computesAll(device: Device, inputs: readonly Tensor[], specs: readonly Spec[]): boolean {
  for (let i = 0; i < inputs.length; i++) if (!device.computes(inputs[i].dtype)) return false;
  for (let i = 0; i < specs.length; i++) if (!device.computes(specs[i].dtype)) return false;
  return true;
}

const widerDType = (device: Device, dtype: DType): DType => (device.computes(dtype) ? dtype : isFloat(dtype) ? 'float32' : 'int32');

/** Runs a kernel in float32 or int32 on operands of a dtype that the device only stores, and rounds the results once. */
function evaluateWider(
  op: Op,
  device: Device,
  inputs: readonly Tensor[],
  specs: readonly Spec[],
  attrs: unknown,
  scalars: readonly number[],
): Tensor[] {
  const done = observe?.(op, device, 'wider dtype');
  const outputs = internalScope(() => {
    const wideInputs = inputs.map((x) => converted(op, x, widerDType(device, x.dtype)));
    const wideOutputs = specs.map((spec) => allocate(device, spec.shape, widerDType(device, spec.dtype), op.name));
    op.kernel?.(device.kernels, wideInputs, wideOutputs, attrs, scalars);
    for (const i of op.mutates ?? []) {
      device.kernels.copy(wideInputs[i], inputs[i]);
      inputs[i].storage.version++;
    }
    return wideOutputs.map((out, i) => converted(op, out, specs[i].dtype));
  }) as Tensor[];
  done?.(outputs);
  return outputs;
}

/** True when a pointwise op may write its result over `target` right away: no layer but evaluation would want to see it. */
export function evaluateInto(op: Op, target: Tensor, inputs: readonly Tensor[], attrs: unknown, scalars: readonly number[]): boolean {
  const device = checkInputs(op, inputs);
  if (!op.pointwise || op.kernel === undefined || op.infer === undefined || device === undefined) return false;
  const [spec] = op.infer(inputs, attrs, scalars);
  if (spec.dtype !== target.dtype || spec.shape.length !== target.shape.length || !computesAll(device, inputs, [spec])) return false;
  for (let i = 0; i < spec.shape.length; i++) if (spec.shape[i] !== target.shape[i]) return false;
  for (const x of inputs) {
    if (x.storage === target.storage && x !== target) return false;
    if (x.dtype !== target.dtype) return false;
  }
  const done = observe?.(op, device, 'kernel');
  op.kernel(device.kernels, inputs, [target], attrs, scalars);
  target.storage.version++;
  done?.(none);
  return true;
}
