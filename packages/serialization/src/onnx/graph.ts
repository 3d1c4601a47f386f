import { ArgumentError, type DType } from '@flambeau/core';
import { Message } from './protobuf.ts';
import { formulaOf, isStatic, type DynamicAxis, type Size } from './sizes.ts';

/** ONNX's numbers of element types. @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
export const onnxTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  bfloat16: 16,
} as const satisfies Record<DType, number>;

/** An attribute of a node: an integer, integers, a float (given as one), a string or strings. */
export type Attribute = number | readonly number[] | { readonly float: number } | string | readonly string[];

const attributeTypes = { float: 1, int: 2, string: 3, ints: 7, strings: 8 } as const;
const largest = 2 ** 31 - 1;

/** The end of a slice that reaches to the end of its axis. */
export const toTheEnd = 2n ** 63n - 1n;

/** Puts an ONNX graph together: nodes, constants, and sizes that follow those of the inputs. */
export class GraphBuilder {
  private readonly nodes: Message[] = [];
  private readonly initializers: Message[] = [];
  private readonly inputs: Message[] = [];
  private readonly outputs: Message[] = [];
  private readonly names = new Set<string>();
  private readonly made = new Map<string, string>();
  private readonly axes: readonly DynamicAxis[];

  constructor(axes: readonly DynamicAxis[]) {
    this.axes = axes;
  }

  /** A name that nothing has yet. */
  fresh(wish: string): string {
    let name = wish;
    for (let i = 1; this.names.has(name); i++) name = `${wish}_${i}`;
    this.names.add(name);
    return name;
  }

  /** Adds a node. @returns the names of its outputs */
  emit(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    outputs: number | readonly string[] = 1,
  ): string[] {
    const results =
      typeof outputs === 'number' ? Array.from({ length: outputs }, () => this.fresh(`${opType.toLowerCase()}`)) : [...outputs];
    const node = new Message();
    for (const input of inputs) node.string(1, input);
    for (const output of results) node.string(2, output);
    node.string(3, this.fresh(`${opType}_node`)).string(4, opType);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.nodes.push(node);
    return results;
  }

  /** Adds a node with one output. */
  one(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.emit(opType, inputs, attributes)[0];
  }

  /** Adds a constant of elements as they lie in memory. */
  constant(wish: string, shape: readonly number[], dtype: DType, bytes: Uint8Array): string {
    const name = this.fresh(wish);
    this.initializers.push(new Message().ints(1, shape).int(2, onnxTypes[dtype]).string(8, name).bytes(9, bytes));
    return name;
  }

  /** Adds one number, or a list of them, once for all who ask for the same. */
  numbers(
    values: number | readonly number[],
    dtype: 'float32' | 'float64' | 'int32' | 'int64' | 'bool' | 'uint8' | 'int8' | 'int16' | 'uint32',
  ): string {
    const list = typeof values === 'number' ? [values] : values;
    const key = `${dtype} ${typeof values === 'number' ? 'scalar' : 'list'} ${list.map((n) => (Object.is(n, -0) ? '-0' : n)).join()}`;
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const arrays = {
      float32: Float32Array,
      float64: Float64Array,
      int32: Int32Array,
      uint32: Uint32Array,
      int8: Int8Array,
      int16: Int16Array,
      bool: Uint8Array,
      uint8: Uint8Array,
    } as const;
    const array =
      dtype === 'int64'
        ? BigInt64Array.from(list, (n) => (n === Infinity ? toTheEnd : n === -Infinity ? -toTheEnd : BigInt(n)))
        : arrays[dtype].from(list);
    const name = this.constant('constant', typeof values === 'number' ? [] : [list.length], dtype, new Uint8Array(array.buffer));
    this.made.set(key, name);
    return name;
  }

  /** A number in any dtype. */
  scalar(value: number, dtype: DType): string {
    if (dtype !== 'float16' && dtype !== 'bfloat16') return this.numbers(value, dtype);
    return this.cast(this.numbers(value, 'float32'), dtype);
  }

  cast(name: string, dtype: DType): string {
    return this.one('Cast', [name], { to: onnxTypes[dtype] });
  }

  /** A list of one int64 that holds a size. */
  size(size: Size, op: string): string {
    if (isStatic(size)) return this.numbers([size], 'int64');
    const { symbols, factor, offset } = formulaOf(size, this.axes, op);
    const key = `size ${symbols.join('·')} ${factor} ${offset}`;
    const known = this.made.get(key);
    if (known !== undefined) return known;
    let name = symbols.map((symbol) => this.axisSize(symbol)).reduce((a, b) => this.one('Mul', [a, b]));
    if (factor !== 1) name = this.one('Mul', [name, this.numbers([factor], 'int64')]);
    if (offset !== 0) name = this.one('Add', [name, this.numbers([offset], 'int64')]);
    this.made.set(key, name);
    return name;
  }

  private axisSize(symbol: string): string {
    const key = `axis ${symbol}`;
    const known = this.made.get(key);
    if (known !== undefined) return known;
    const axis = this.axes.find((one) => one.symbol === symbol);
    const name = this.one('Gather', [this.one('Shape', [axis?.input ?? '']), this.numbers([axis?.axis ?? 0], 'int64')]);
    this.made.set(key, name);
    return name;
  }

  /** A list of int64 that holds sizes. */
  sizes(sizes: readonly Size[], op: string): string {
    if (sizes.every(isStatic)) return this.numbers(sizes, 'int64');
    return this.one('Concat', sizes.map((size) => this.size(size, op)), { axis: 0 }); // prettier-ignore
  }

  /** Says that the graph takes an input. */
  input(name: string, shape: readonly (number | string)[], dtype: DType): void {
    this.names.add(name);
    this.inputs.push(valueInfo(name, shape, dtype));
  }

  /** Says that the graph gives an output. */
  output(name: string, shape: readonly (number | string)[], dtype: DType): void {
    this.outputs.push(valueInfo(name, shape, dtype));
  }

  /** The bytes of the model. @throws ArgumentError above 2 GiB, where Protocol Buffers end */
  finish(name: string, version: string, opset: number): Uint8Array {
    const graph = new Message();
    for (const node of this.nodes) graph.message(1, node);
    graph.string(2, name);
    for (const initializer of this.initializers) graph.message(5, initializer);
    for (const input of this.inputs) graph.message(11, input);
    for (const output of this.outputs) graph.message(12, output);
    const bytes = new Message()
      .int(1, 8)
      .string(2, 'flambeau')
      .string(3, version)
      .message(7, graph)
      .message(8, new Message().string(1, '').int(2, opset))
      .finish();
    if (bytes.length > largest)
      throw new ArgumentError({ op: 'exportOnnx', expected: 'a model of at most 2 GiB', received: `${bytes.length} bytes` });
    return bytes;
  }
}

function attribute(name: string, value: Attribute): Message {
  const message = new Message().string(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, attributeTypes.int);
  if (typeof value === 'string') return message.string(4, value).int(20, attributeTypes.string);
  if (!Array.isArray(value)) return message.float(2, (value as { float: number }).float).int(20, attributeTypes.float);
  if (value.length > 0 && typeof value[0] === 'string') {
    for (const text of value as string[]) message.string(9, text);
    return message.int(20, attributeTypes.strings);
  }
  return message.ints(8, value as number[]).int(20, attributeTypes.ints);
}

function valueInfo(name: string, shape: readonly (number | string)[], dtype: DType): Message {
  const dims = new Message();
  for (const size of shape) dims.message(1, typeof size === 'number' ? new Message().int(1, size) : new Message().string(2, size));
  const tensor = new Message().int(1, onnxTypes[dtype]).message(2, dims);
  return new Message().string(1, name).message(2, new Message().message(1, tensor));
}
