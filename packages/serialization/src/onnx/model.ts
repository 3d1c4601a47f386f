import { ArgumentError, describe, NotSupportedError, Tensor, version } from '@flambeau/core';
import { UninitializedBuffer, UninitializedParameter, type Module } from '@flambeau/nn';
import { Conversion, nameOf, type GraphValue } from './conversion.ts';
import { findConverter } from './converters.ts';
import type { DynamicAxes, ExportOptions } from './export.ts';
import { GraphBuilder } from './graph.ts';
import { formulaOf, isStatic, merge, type DynamicAxis, type Size } from './sizes.ts';
import { tensorsIn, traceModel, type Trace } from './trace.ts';

/** The version of ONNX's operators that is written. */
const opset = 18;
/** Added to the size of each dynamic axis for the second trace; different for each, so that sizes can be told apart. */
const steps = [3, 5, 7, 11, 13, 17, 19, 23];

const namesOf = (given: readonly string[] | undefined, count: number, word: string, option: string): string[] => {
  if (given !== undefined && (given.length !== count || new Set(given).size !== count))
    throw new ArgumentError({ op: 'exportOnnx', expected: `${count} different ${option}`, received: describe(given) });
  return given === undefined ? Array.from({ length: count }, (_, i) => (count === 1 ? word : `${word}${i + 1}`)) : [...given];
};

/** The dynamic axes of all inputs, with their sizes in both traces. */
function readAxes(
  dynamicAxes: DynamicAxes,
  names: readonly string[],
  tensors: readonly Tensor[],
  outputs: readonly string[] | undefined,
): DynamicAxis[] {
  const axes: DynamicAxis[] = [];
  const sizes = new Map<string, [number, number]>();
  for (const [input, given] of Object.entries(dynamicAxes)) {
    const tensor = tensors[names.indexOf(input)];
    if (tensor === undefined) {
      if (outputs?.includes(input) ?? /^output\d*$/.test(input)) continue;
      throw new ArgumentError({ op: 'exportOnnx', expected: `dynamicAxes of ${names.join(', ')}`, received: describe(input) });
    }
    const pairs = Array.isArray(given) ? (given as number[]).map((axis) => [axis, `${input}_${axis}`] as const) : Object.entries(given).map(([axis, symbol]) => [Number(axis), String(symbol)] as const); // prettier-ignore
    for (const [key, symbol] of pairs) {
      const axis = key < 0 ? key + tensor.ndim : key;
      if (!Number.isInteger(axis) || axis < 0 || axis >= tensor.ndim)
        throw new ArgumentError({ op: 'exportOnnx', expected: `axes of ${input} below ${tensor.ndim}`, received: String(key) });
      const size = tensor.shape[axis];
      if (size === 0)
        throw new ArgumentError({ op: 'exportOnnx', expected: 'example inputs that are not empty', received: `axis ${axis} of ${input}` });
      // A size of 1 would be special, for it broadcasts.
      const base = Math.max(size, 2);
      const values = sizes.get(symbol) ?? [base, base + (steps[sizes.size] ?? 29 + 2 * sizes.size)];
      if (values[0] !== base)
        throw new ArgumentError({ op: 'exportOnnx', expected: `one size of ${symbol}`, received: `${values[0]} and ${size}` });
      sizes.set(symbol, values);
      axes.push({ symbol, input, axis, values });
    }
  }
  return axes;
}

/** The arguments with the dynamic axes of their tensors in the size of a trace: rows are repeated from the front, so that values stay valid. */
function resized(args: readonly unknown[], names: readonly string[], axes: readonly DynamicAxis[], trace: 0 | 1): unknown[] {
  let next = 0;
  const walk = (value: unknown): unknown => {
    if (value instanceof Tensor) {
      const name = names[next++];
      return axes
        .filter(({ input }) => input === name)
        .reduce((x, { axis, values }) => {
          const size = x.shape[axis];
          return values[trace] === size
            ? x
            : x.indexSelect(axis, x.newInt32(Int32Array.from({ length: values[trace] }, (_, i) => i % size)));
        }, value);
    }
    if (Array.isArray(value)) return value.map(walk);
    if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, walk(item)] as const));
    if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item)]));
    return value;
  };
  return args.map(walk);
}

const differs = (what: string): NotSupportedError =>
  new NotSupportedError({
    op: 'exportOnnx',
    expected: 'a forward that does the same for all sizes of the dynamic axes',
    received: what,
    hint: 'Leave the axis out of dynamicAxes, or write the loop over it as one op.',
  });

/** What two traces have in common; what differs follows the sizes of the inputs. */
function mergeTraces(
  first: Trace,
  second: Trace,
): {
  values: GraphValue[];
  ops: { name: string; attrs: Record<string, unknown>; scalars: Size[]; inputs: readonly number[]; outputs: readonly number[] }[];
} {
  if (first.ops.length !== second.ops.length || first.values.length !== second.values.length)
    throw differs(`${first.ops.length} and ${second.ops.length} ops`);
  const values = first.values.map((value, i): GraphValue => {
    const other = second.values[i];
    const shape = merge(value.shape, other.shape);
    if (shape === undefined || value.dtype !== other.dtype || value.kind !== other.kind) throw differs('tensors of other ranks or dtypes');
    if (
      value.kind === 'constant' &&
      (value.bytes?.length !== other.bytes?.length || value.bytes?.some((byte, k) => byte !== other.bytes?.[k]))
    )
      throw differs(`a constant ${value.dtype} tensor of shape [${value.shape.join(', ')}] and of [${other.shape.join(', ')}]`);
    return { shape: shape.value as Size[], dtype: value.dtype, used: false, name: undefined, expands: undefined };
  });
  const ops = first.ops.map((op, i) => {
    const other = second.ops[i];
    const attrs = merge(op.attrs ?? {}, other.attrs ?? {});
    const scalars = merge(op.scalars, other.scalars);
    if (op.op !== other.op || op.inputs.join() !== other.inputs.join() || attrs === undefined || scalars === undefined)
      throw differs(`${op.op.name} and ${other.op.name} at one place`);
    return {
      name: op.op.name,
      attrs: attrs.value as Record<string, unknown>,
      scalars: scalars.value as Size[],
      inputs: op.inputs,
      outputs: op.outputs,
    };
  });
  return { values, ops };
}

/** The bytes of a model; see `exportOnnx`. */
export async function convertModel(model: Module, exampleInputs: Tensor | readonly unknown[], given: ExportOptions): Promise<Uint8Array> {
  const args: readonly unknown[] = exampleInputs instanceof Tensor ? [exampleInputs] : exampleInputs;
  const tensors = Array.isArray(args) ? tensorsIn(args) : [];
  if (tensors.length === 0)
    throw new ArgumentError({
      op: 'exportOnnx',
      expected: 'example inputs: a tensor, or the arguments of forward',
      received: describe(exampleInputs),
    });
  if ([...model.parameters(), ...model.buffers()].some((x) => x instanceof UninitializedParameter || x instanceof UninitializedBuffer))
    throw new ArgumentError({
      op: 'exportOnnx',
      expected: 'a model whose layers know their sizes',
      received: 'a lazy layer that has seen no input',
      hint: 'Call forward once, or load its weights.',
    });
  const inputNames = namesOf(given.inputNames, tensors.length, 'input', 'inputNames');
  const axes = readAxes(given.dynamicAxes ?? {}, inputNames, tensors, given.outputNames);
  const modes = [...model.modules()].map((module) => [module, module.training] as const);
  let first: Trace;
  let second: Trace;
  try {
    model.eval();
    first = await traceModel(model, axes.length === 0 ? args : resized(args, inputNames, axes, 0), inputNames);
    second = axes.length === 0 ? first : await traceModel(model, resized(args, inputNames, axes, 1), inputNames);
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
  const outputNames = namesOf(given.outputNames, first.outputs.length, 'output', 'outputNames');
  return build(first, second, axes, inputNames, outputNames, model.constructor.name);
}

function build(
  first: Trace,
  second: Trace,
  axes: readonly DynamicAxis[],
  inputNames: readonly string[],
  outputNames: readonly string[],
  name: string,
): Uint8Array {
  const { values, ops } = mergeTraces(first, second);
  for (const { inputs } of ops) for (const i of inputs) values[i].used = true;
  for (const i of first.outputs) values[i].used = true;
  const graph = new GraphBuilder(axes);
  for (const output of outputNames) graph.fresh(output);
  first.values.forEach((value, i) => {
    if (value.kind !== 'input') return;
    const shape = value.shape.map((size, axis) => axes.find((one) => one.input === value.name && one.axis === axis)?.symbol ?? size);
    graph.input(inputNames[i], shape, value.dtype);
    values[i].name = inputNames[i];
  });
  first.values.forEach((value, i) => {
    if (value.kind === 'constant' && values[i].used)
      values[i].name = graph.constant(value.name ?? 'constant', value.shape, value.dtype, value.bytes ?? new Uint8Array(0));
  });
  for (const { name: op, attrs, scalars, inputs, outputs } of ops) {
    if (!outputs.some((i) => values[i].used)) continue;
    findConverter(op)?.convert(new Conversion(graph, op, attrs, scalars, inputs.map((i) => values[i]), outputs.map((i) => values[i]))); // prettier-ignore
  }
  first.outputs.forEach((place, i) => {
    const value = values[place];
    graph.emit('Identity', [nameOf(value, graph, 'the output')], {}, [outputNames[i]]);
    graph.output(outputNames[i], value.shape.map((size) => (isStatic(size) ? size : symbolOf(size, axes))), value.dtype); // prettier-ignore
  });
  return graph.finish(name, version, opset);
}

/** What the size of an output is called: the symbol that it equals, or a formula. */
function symbolOf(size: Exclude<Size, number>, axes: readonly DynamicAxis[]): string {
  const same = axes.find(({ values }) => values[0] === size.values[0] && values[1] === size.values[1]);
  if (same !== undefined) return same.symbol;
  try {
    const { symbols, factor, offset } = formulaOf(size, axes, 'the output');
    return `${factor === 1 ? '' : `${factor}*`}${symbols.join('*')}${offset === 0 ? '' : `${offset > 0 ? '+' : ''}${offset}`}`;
  } catch {
    return `size_${size.values.join('_')}`;
  }
}
