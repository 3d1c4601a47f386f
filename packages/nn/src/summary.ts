import {
  ArgumentError,
  bytesOf,
  describe,
  installBottomLayer,
  scope,
  showShape,
  Tensor,
  zeros,
  type Device,
  type DType,
  type Op,
  type Shape,
} from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import type { RecurrentAttrs } from './functional/recurrent.ts';
import { PackedSequence } from './utils/rnn.ts';
import { Module } from './module.ts';

/** What one module of a network does for an input. */
export interface LayerSummary {
  /** The path in the network, '' for the whole. */
  readonly path: string;
  readonly type: string;
  /** How far below the whole it stands. */
  readonly depth: number;
  /** The shapes of its outputs at its last call; none when it was not called. */
  readonly outputShapes: readonly Shape[];
  /** Elements of its own parameters, without those of the modules below; 0 for parameters that stand elsewhere before. */
  readonly parameters: number;
  /** Multiplications with an addition in matrix products, convolutions and recurrent layers, including those of the modules below. */
  readonly multiplyAdds: number;
}

/** Options of `summary`. */
export interface SummaryOptions {
  /** Where shapes become tensors; the device of the first parameter by default. */
  device?: Device;
  /** float32 by default. */
  dtype?: DType;
  /** The deepest modules of the text; all by default. */
  depth?: number;
}

/** A network layer by layer. `toString()`, and so console.log, gives a table. */
export interface ModelSummary {
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly trainableParameters: number;
  readonly multiplyAdds: number;
  readonly inputBytes: number;
  /** Bytes of the outputs of all layers without children: what a forward leaves for the backward, roughly. */
  readonly activationBytes: number;
  readonly parameterBytes: number;
  toString(): string;
}

type Cost = (inputs: readonly Tensor[], outputs: readonly Tensor[], attrs: unknown) => number;

const recurrentCost =
  (states: number): Cost =>
  ([x, ...rest], _, attrs) => {
    const [weightIh, weightHh] = rest.slice((attrs as RecurrentAttrs).fromZeros === true ? 0 : states);
    return x.shape[0] * x.shape[1] * (weightIh.count + weightHh.count);
  };
const convolutionCost: Cost = ([, weight], [y]) => y.count * (weight.count / weight.shape[0]);
const transposedCost: Cost = ([g, weight]) => g.count * (weight.count / weight.shape[0]);

/** Multiply-adds by op. What an op of this table is composed of is not counted again. */
const costs: Readonly<Record<string, Cost>> = {
  matmul: ([a], [y]) => y.count * a.shape[a.ndim - 1],
  linear: ([x, weight]) => x.count * weight.shape[0],
  conv1d: convolutionCost,
  conv2d: convolutionCost,
  conv3d: convolutionCost,
  conv1dInputGrad: transposedCost,
  conv2dInputGrad: transposedCost,
  conv3dInputGrad: transposedCost,
  lstm: recurrentCost(2),
  gru: recurrentCost(1),
  rnnTanh: recurrentCost(1),
  rnnRelu: recurrentCost(1),
  // The scores, and the sum of the values: [L, E] · [E, S] and [L, S] · [S, Ev] for each head.
  scaledDotProductAttention: ([query, key, value], [y]) =>
    (y.count / y.shape[y.ndim - 1]) * key.shape[key.ndim - 2] * (query.shape[query.ndim - 1] + value.shape[value.ndim - 1]),
};

const tensorsIn = (value: unknown): Tensor[] =>
  value instanceof Tensor ? [value] : value instanceof PackedSequence ? [value.data] : Array.isArray(value) ? value.flatMap(tensorsIn) : [];

/** The inputs that a shape, several shapes, a tensor or several arguments stand for. */
function inputsFrom(model: Module, given: unknown, options: SummaryOptions): unknown[] {
  if (!(model instanceof Module)) throw new ArgumentError({ op: 'summary', expected: 'a module', received: describe(model) });
  if (given instanceof Tensor) return [given];
  const list: readonly unknown[] = Array.isArray(given) ? given : [];
  if (list.length === 0)
    throw new ArgumentError({ op: 'summary', expected: 'a shape, shapes, or the inputs of the model', received: describe(given) });
  const [parameter] = model.parameters();
  const device = options.device ?? parameter?.device;
  const make = (shape: Shape): Tensor => zeros([...shape], { ...(device && { device }), dtype: options.dtype ?? 'float32' });
  const isShape = (value: unknown): value is Shape => Array.isArray(value) && value.length > 0 && value.every((n) => Number.isInteger(n));
  if (isShape(list)) return [make(list)];
  return list.every(isShape) ? list.map(make) : [...list];
}

interface Running {
  outputShapes: Shape[];
  outputBytes: number;
  multiplyAdds: number;
}

const bytesIn = (tensors: readonly Tensor[]): number => tensors.reduce((n, x) => n + x.count * bytesOf(x.dtype), 0);

/** Runs the model once in evaluation mode and notes what each module gives and costs. */
function observe(model: Module, inputs: readonly unknown[]): Map<Module, Running> {
  const seen = new Map<Module, Running>();
  const stack: Running[] = [];
  let counting = true;
  const undo: (() => void)[] = [];
  const modes = new Map([...model.modules()].map((module) => [module, module.training]));
  for (const module of modes.keys()) {
    const entry: Running = { outputShapes: [], outputBytes: 0, multiplyAdds: 0 };
    seen.set(module, entry);
    undo.push(module.registerForwardPreHook(() => void stack.push(entry), { prepend: true }));
    undo.push(
      module.registerForwardHook((_, __, output) => {
        stack.pop();
        const outputs = tensorsIn(output);
        entry.outputShapes = outputs.map((x) => x.shape);
        entry.outputBytes += bytesIn(outputs);
      }),
    );
  }
  undo.push(
    installBottomLayer((op: Op, given, attrs, scalars, below) => {
      const cost = counting && Object.hasOwn(costs, op.name) ? costs[op.name] : undefined;
      if (cost === undefined) return below(op, given, attrs, scalars);
      counting = false;
      try {
        const outputs = below(op, given, attrs, scalars);
        for (const entry of new Set(stack)) entry.multiplyAdds += cost(given, outputs, attrs);
        return outputs;
      } finally {
        counting = true;
      }
    }),
  );
  try {
    model.eval();
    noGrad(() => scope(() => void model.forward(...inputs)));
  } finally {
    for (const back of undo) back();
    for (const [module, training] of modes) module.training = training;
  }
  return seen;
}

/**
 * Runs a model once, in evaluation mode and without gradients, and tells what its layers are: output shapes, parameters, multiply-adds, memory.
 * @param input - a shape with the batch (`[1, 3, 32, 32]`), a list of shapes, a tensor, or an array of the arguments of forward
 * @example
 * console.log(String(summary(new nn.Linear(4, 2), [1, 4])))
 */
export function summary(
  model: Module,
  input: Shape | readonly Shape[] | Tensor | readonly unknown[],
  options: SummaryOptions = {},
): ModelSummary {
  const inputs = inputsFrom(model, input, options);
  const observed = observe(model, inputs);
  const counted = new Set<Tensor>();
  const layers: LayerSummary[] = [];
  let activationBytes = 0;
  for (const [path, module] of model.namedModules()) {
    const own = [...module.parameters(false)].filter((p) => !counted.has(p));
    for (const p of own) counted.add(p);
    const { outputShapes = [], outputBytes = 0, multiplyAdds = 0 } = observed.get(module) ?? {};
    if ([...module.children()].length === 0) activationBytes += outputBytes;
    const depth = path === '' ? 0 : path.split('.').length;
    layers.push({ path, type: module.typeName, depth, outputShapes, parameters: own.reduce((n, p) => n + p.count, 0), multiplyAdds });
  }
  const parameters = [...model.parameters()];
  const total = (list: readonly Tensor[]): number => list.reduce((n, p) => n + p.count, 0);
  const result = {
    layers,
    parameters: total(parameters),
    trainableParameters: total(parameters.filter((p) => p.requiresGrad)),
    multiplyAdds: layers[0].multiplyAdds,
    inputBytes: bytesIn(tensorsIn(inputs)),
    activationBytes,
    parameterBytes: bytesIn(parameters),
  };
  const toString = (): string => toText(result, options.depth ?? Infinity);
  return Object.defineProperties(
    { ...result, toString },
    { toString: { enumerable: false }, [Symbol.for('nodejs.util.inspect.custom')]: { value: toString, enumerable: false } },
  );
}

const count = (n: number): string => n.toLocaleString('en-US');
const megabytes = (n: number): string => `${(n / 1e6).toFixed(2)} MB`;

function toText(s: Omit<ModelSummary, 'toString'>, depth: number): string {
  const rows = s.layers
    .filter((layer) => layer.depth <= depth)
    .map(({ path, type, depth: level, outputShapes, parameters, multiplyAdds }) => [
      `${'  '.repeat(level)}${type}${path === '' ? '' : ` (${path.slice(path.lastIndexOf('.') + 1)})`}`,
      outputShapes.length === 0 ? '--' : outputShapes.map(showShape).join(' '),
      parameters === 0 ? '--' : count(parameters),
      multiplyAdds === 0 ? '--' : count(multiplyAdds),
    ]);
  const titles = ['Layer', 'Output shape', 'Parameters', 'Multiply-adds'];
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '); // prettier-ignore
  const rule = '='.repeat(widths.reduce((n, w) => n + w, 6));
  return [
    rule,
    line(titles),
    rule,
    ...rows.map(line),
    rule,
    `Parameters: ${count(s.parameters)} (${count(s.trainableParameters)} trainable)`,
    `Multiply-adds: ${count(s.multiplyAdds)}`,
    `Memory: input ${megabytes(s.inputBytes)}, activations ${megabytes(s.activationBytes)}, parameters ${megabytes(s.parameterBytes)}`,
    rule,
  ].join('\n');
}
