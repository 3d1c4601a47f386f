import { isFloat, NotSupportedError, type DType } from '@flambeau/core';
import type { Attribute, GraphBuilder } from './graph.ts';
import { isStatic, Varying, type Size } from './sizes.ts';

/** A traced value on its way into the graph. */
export interface GraphValue {
  readonly shape: readonly Size[];
  readonly dtype: DType;
  /** Whether any op or output reads it. */
  used: boolean;
  /** Its name in the graph; undefined until it has one. */
  name: string | undefined;
  /** The value that it repeats; it gets a node of its own only where an op does not broadcast by itself. */
  expands: GraphValue | undefined;
}

const equalSizes = (a: Size, b: Size): boolean =>
  isStatic(a) || isStatic(b) ? a === b : a.values[0] === b.values[0] && a.values[1] === b.values[1];
export const equalShapes = (a: readonly Size[], b: readonly Size[]): boolean =>
  a.length === b.length && a.every((size, i) => equalSizes(size, b[i]));

/** One traced op on its way into the graph: what converters read and write. */
export class Conversion {
  readonly graph: GraphBuilder;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly scalars: readonly Size[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];

  constructor(
    graph: GraphBuilder,
    op: string,
    attrs: Readonly<Record<string, unknown>>,
    scalars: readonly Size[],
    inputs: readonly GraphValue[],
    outputs: readonly GraphValue[],
  ) {
    this.graph = graph;
    this.op = op;
    this.attrs = attrs;
    this.scalars = scalars;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  /** The name of an input, repeated as far as the op saw it repeated. */
  input(i = 0): string {
    return nameOf(this.inputs[i], this.graph, this.op);
  }

  /** The names of inputs for a node that broadcasts by itself: repetition is left to it where that gives the output's shape. */
  broadcastInputs(indices: readonly number[] = this.inputs.map((_, i) => i)): string[] {
    const bare = indices.map((i) => bareValue(this.inputs[i]));
    const { shape } = this.outputs[0];
    const reaches = shape.every((size, d) => bare.some((value) => {
      const own = value.shape[value.shape.length - shape.length + d];
      return own !== undefined && equalSizes(own, size);
    })); // prettier-ignore
    return reaches ? bare.map((value) => nameOf(value, this.graph, this.op)) : indices.map((i) => this.input(i));
  }

  /** Gives an output its name. */
  output(name: string, i = 0): void {
    this.outputs[i].name = name;
  }

  /** Adds a node with one output, which is output `i` of the op. */
  node(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}, i = 0): void {
    this.output(this.graph.one(opType, inputs, attributes), i);
  }

  get dtype(): DType {
    return this.inputs[0]?.dtype ?? this.outputs[0].dtype;
  }

  get isFloat(): boolean {
    return isFloat(this.dtype);
  }

  /** A number of the attributes that may follow the sizes of the inputs. */
  sizeOf(name: string): Size {
    return this.attrs[name] as Size;
  }

  sizesOf(name: string): readonly Size[] {
    return this.attrs[name] as readonly Size[];
  }

  /** A number that must be the same for all sizes. @throws NotSupportedError otherwise */
  fixed(value: unknown, what: string): number {
    if (value instanceof Varying) {
      throw new NotSupportedError({
        op: 'exportOnnx',
        expected: `the same ${what} of ${this.op} for all sizes of the dynamic axes`,
        received: value.values.join(' and '),
        hint: 'Leave the axis out of dynamicAxes.',
      });
    }
    return value as number;
  }

  number(name: string): number {
    return this.fixed(this.attrs[name], name);
  }

  numbers(name: string): number[] {
    return (this.attrs[name] as readonly unknown[]).map((value) => this.fixed(value, name));
  }

  /** The sizes of an input that must be the same for all sizes of the dynamic axes. */
  fixedShape(value: GraphValue): number[] {
    return value.shape.map((size) => this.fixed(size, 'shape'));
  }

  /** A scalar of the op as a constant of a dtype; one that follows a size is computed. */
  scalar(i: number, dtype: DType): string {
    const value = this.scalars[i];
    if (isStatic(value)) return this.graph.scalar(value, dtype);
    const size = this.graph.size(value, this.op);
    return this.graph.cast(this.graph.one('Squeeze', [size]), dtype);
  }

  /** The op's input with a number of the same dtype: `x + 1`. */
  withNumber(opType: string, name: string, value: number, dtype: DType = this.dtype): string {
    return this.graph.one(opType, [name, this.graph.scalar(value, dtype)]);
  }
}

/** The value under repetitions. */
export function bareValue(value: GraphValue): GraphValue {
  let bare = value;
  while (bare.name === undefined && bare.expands !== undefined) bare = bare.expands;
  return bare;
}

/** The name of a value; a repetition that has none yet gets a node. */
export function nameOf(value: GraphValue, graph: GraphBuilder, op: string): string {
  if (value.name !== undefined) return value.name;
  const { expands } = value;
  if (expands === undefined) throw new Error(`${op}: a value of the trace has no name`);
  const lead = value.shape.length - expands.shape.length;
  // A size of 1 keeps what the input has.
  const sizes = value.shape.map((size, i) => (i >= lead && equalSizes(size, expands.shape[i - lead]) ? 1 : size));
  value.name = graph.one('Expand', [nameOf(expands, graph, op), graph.sizes(sizes, op)]);
  return value.name;
}
