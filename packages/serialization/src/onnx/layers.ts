import { isFloat, type Tensor } from '@flambeau/core';
import type { Conversion } from './conversion.ts';
import type { Converter, ConverterTable } from './converters.ts';
import { isStatic, type Size } from './sizes.ts';

/** x with a batch dimension in front where it has none, and the way back. */
function withBatch(c: Conversion, dims: number, run: (x: string) => string[]): void {
  const lacks = c.inputs[0].shape.length === dims + 1;
  const axis = c.graph.numbers([0], 'int64');
  const results = run(lacks ? c.graph.one('Unsqueeze', [c.input(), axis]) : c.input());
  results.forEach((name, i) => c.output(lacks ? c.graph.one('Squeeze', [name, axis]) : name, i));
}

const convolution = (dims: number): Converter => ({
  convert(c) {
    const padding = c.numbers('padding');
    const inputs = c.inputs.map((_, i) => c.input(i));
    c.node('Conv', inputs, {
      kernel_shape: c.fixedShape(c.inputs[1]).slice(2),
      strides: c.numbers('stride'),
      pads: [...padding, ...padding],
      dilations: c.numbers('dilation'),
      group: c.number('groups'),
    });
    if (padding.length !== dims) throw new Error(`${c.op}: ${padding.length} paddings for ${dims} dimensions`);
  },
});

/** The gradient with respect to the input is the transposed convolution. */
const transposedConvolution = (c: Conversion): void => {
  const [padding, stride, dilation] = [c.numbers('padding'), c.numbers('stride'), c.numbers('dilation')];
  const kernel = c.fixedShape(c.inputs[1]).slice(2);
  const extra = kernel.map((k, i) => {
    const difference = [0, 1].map((t) => {
      const at = (size: Size): number => (isStatic(size) ? size : size.values[t]);
      return at(c.outputs[0].shape[2 + i]) - ((at(c.inputs[0].shape[2 + i]) - 1) * stride[i] - 2 * padding[i] + dilation[i] * (k - 1) + 1);
    });
    return c.fixed(difference[0] === difference[1] ? difference[0] : Number.NaN, 'output padding');
  });
  c.node('ConvTranspose', [c.input(0), c.input(1)], {
    kernel_shape: kernel,
    strides: stride,
    pads: [...padding, ...padding],
    dilations: dilation,
    output_padding: extra,
    group: c.number('groups'),
  });
};

/** How far windows reach beyond the end of each dimension: as far as before it, unless the size was rounded up. */
function endPadding(c: Conversion, dims: number): number[] {
  const [kernel, stride, padding, dilation] = [c.numbers('kernel'), c.numbers('stride'), c.numbers('padding'), c.numbers('dilation')];
  const shape = c.inputs[0].shape;
  return kernel.map((k, i) => {
    const ends = [0, 1].map((t) => {
      const at = (size: Size): number => (isStatic(size) ? size : size.values[t]);
      const n = at(shape[shape.length - dims + i]);
      const count = at(c.sizesOf('output')[i]);
      const rounded = Math.floor((n + 2 * padding[i] - dilation[i] * (k - 1) - 1) / stride[i]) + 1;
      return rounded === count ? padding[i] : Math.max(0, (count - 1) * stride[i] + dilation[i] * (k - 1) + 1 - n - padding[i]);
    });
    return c.fixed(ends[0] === ends[1] ? ends[0] : Number.NaN, 'padding');
  });
}

const maxPool = (dims: number): Converter => ({
  accepts: (_, [x]) => isFloat(x.dtype),
  convert(c) {
    const padding = c.numbers('padding');
    const attributes = {
      kernel_shape: c.numbers('kernel'),
      strides: c.numbers('stride'),
      pads: [...padding, ...endPadding(c, dims)],
      dilations: c.numbers('dilation'),
    };
    const wanted = c.outputs[1]?.used === true;
    withBatch(c, dims, (x) => {
      const [values, places] = c.graph.emit('MaxPool', [x], attributes, wanted ? 2 : 1);
      if (!wanted) return [values];
      // ONNX counts places through the whole tensor, the op within each plane.
      const shape = c.inputs[0].shape;
      const plane = shape.slice(shape.length - dims).map((size) => c.graph.size(size, c.op)).reduce((a, b) => c.graph.one('Mul', [a, b])); // prettier-ignore
      return [values, c.graph.cast(c.graph.one('Mod', [places, plane]), 'int32')];
    });
  },
});

/** A mean over windows that ONNX can tell: the padding counts fully or not at all, and nothing else divides. */
const averagePool = (dims: number): Converter => ({
  accepts(attrs, [x]) {
    const { kernel, stride, padding, output, divisorOverride } = attrs as Record<'kernel' | 'stride' | 'padding' | 'output', number[]> & {
      divisorOverride: number | null;
    };
    const spatial = x.shape.slice(x.ndim - dims);
    return (divisorOverride ?? null) === null && isFloat(x.dtype) && spatial.every((n, i) => Math.floor((n + 2 * padding[i] - kernel[i]) / stride[i]) + 1 === output[i]); // prettier-ignore
  },
  convert(c) {
    const padding = c.numbers('padding');
    const attributes = {
      kernel_shape: c.numbers('kernel'),
      strides: c.numbers('stride'),
      pads: [...padding, ...padding],
      count_include_pad: c.attrs['countIncludePad'] === false ? 0 : 1,
    };
    withBatch(c, dims, (x) => [c.graph.one('AveragePool', [x], attributes)]);
  },
});

/** A recurrent layer: x [T, N, I], states [N, H], which ONNX too takes for zeros where there are none, weights with their gates in our order, which `order` brings to ONNX's. */
const recurrent = (
  opType: string,
  states: number,
  order: readonly number[],
  extra: Readonly<Record<string, string | number | readonly string[]>>,
): Converter => ({
  // Without a batch size or steps there is nothing to export as one node.
  accepts: (_, [x]) => x.dtype === 'float32' && x.count > 0,
  convert(c) {
    const { graph } = c;
    const first = graph.numbers([0], 'int64');
    const given = c.attrs['fromZeros'] === true ? 0 : states;
    const hidden = c.fixed(c.inputs[2 + given].shape[1], 'hidden size');
    const weights = c.inputs.slice(1 + given).map((_, i) => c.input(1 + given + i));
    /** The gates of a weight or bias in ONNX's order. */
    const reorder = (name: string): string => {
      if (order.length === 1) return name;
      const gates = graph.emit('Split', [name], { axis: 0, num_outputs: order.length }, order.length);
      return graph.one('Concat', order.map((i) => gates[i]), { axis: 0 }); // prettier-ignore
    };
    const front = (name: string): string => graph.one('Unsqueeze', [name, first]);
    const [weightIh, weightHh, biasIh, biasHh] = weights;
    const bias = biasIh === undefined ? '' : front(graph.one('Concat', [reorder(biasIh), reorder(biasHh)], { axis: 0 }));
    const inputs = [c.input(0), front(reorder(weightIh)), front(reorder(weightHh)), bias, ''];
    for (let i = 0; i < given; i++) inputs.push(front(c.input(1 + i)));
    const results = graph.emit(
      opType,
      inputs,
      { hidden_size: hidden, direction: c.attrs['reverse'] === true ? 'reverse' : 'forward', ...extra },
      1 + states,
    );
    c.output(graph.one('Squeeze', [results[0], graph.numbers([1], 'int64')]), 0);
    for (let i = 0; i < states; i++) c.output(graph.one('Squeeze', [results[1 + i], first]), 1 + i);
  },
});

/** y = x Wᵀ + b: one node for a matrix, two for more dimensions. */
function linear(c: Conversion): void {
  const [x, weight] = [c.input(0), c.input(1)];
  if (c.inputs[0].shape.length === 2) {
    c.node('Gemm', c.inputs.length > 2 ? [x, weight, c.input(2)] : [x, weight], { transB: 1 });
    return;
  }
  const product = c.graph.one('MatMul', [x, c.graph.one('Transpose', [weight], { perm: [1, 0] })]);
  c.output(c.inputs.length > 2 ? c.graph.one('Add', [product, c.input(2)]) : product);
}

const floats = (inputs: readonly Tensor[]): boolean => inputs.every((x) => x.dtype === 'float32' || x.dtype === 'float64');

/** Ops that are layers. */
export const layers: ConverterTable = {
  linear: { accepts: (_, inputs) => floats(inputs), convert: linear },
  conv1d: convolution(1),
  conv2d: convolution(2),
  conv3d: convolution(3),
  conv1dInputGrad: transposedConvolution,
  conv2dInputGrad: transposedConvolution,
  conv3dInputGrad: transposedConvolution,
  maxPool1d: maxPool(1),
  maxPool2d: maxPool(2),
  maxPool3d: maxPool(3),
  avgPool1d: averagePool(1),
  avgPool2d: averagePool(2),
  avgPool3d: averagePool(3),
  // ONNX wants a scale; what has none, or whose statistics are read, is taken apart.
  layerNorm: {
    accepts: (_, inputs) => inputs.length >= 2 && floats(inputs),
    convert(c) {
      const attributes = { axis: -c.number('dims'), epsilon: { float: c.number('eps') } };
      const names = c.graph.emit('LayerNormalization', c.inputs.map((_, i) => c.input(i)), attributes, c.outputs.some((y, i) => i > 0 && y.used) ? 3 : 1); // prettier-ignore
      names.forEach((name, i) => c.output(name, i));
    },
  },
  lstm: recurrent('LSTM', 2, [0, 3, 1, 2], {}), // i f g o → i o f g
  gru: recurrent('GRU', 1, [1, 0, 2], { linear_before_reset: 1 }), // r z n → z r n
  rnnTanh: recurrent('RNN', 1, [0], { activations: ['Tanh'] }),
  rnnRelu: recurrent('RNN', 1, [0], { activations: ['Relu'] }),
};
