import {
  ArgumentError,
  checkTensor,
  contiguousStrides,
  defineOp,
  describe,
  dispatchOne,
  DTypeError,
  foldOp,
  readCall,
  ShapeError,
  showShape,
  Tensor,
  type Call,
  type Op,
  type Shape,
} from '@flambeau/core';
import { constantPad } from './padding.ts';
import { product, spread, type Size } from './size.ts';

/** How the kernel of a convolution moves, one number for each spatial dimension. */
export interface ConvAttrs {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}
interface ConvGradAttrs extends ConvAttrs {
  /** The shape of the gradient: the input's or the weight's. */
  readonly shape: Shape;
}

/** The spatial size that a convolution gives. */
function outputSize(x: Shape, kernel: Shape, { stride, padding, dilation }: ConvAttrs): number[] {
  const out = new Array<number>(stride.length);
  for (let i = 0; i < out.length; i++) {
    out[i] = Math.floor((x[2 + i] + 2 * padding[i] - dilation[i] * (kernel[2 + i] - 1) - 1) / stride[i]) + 1;
  }
  return out;
}

/**
 * Windows of a padded x [N, C, ...S] as [groups, N·O, C/groups·K]: a row for each output place, a column for each weight.
 * `places` are the output sizes that are wanted where they are fewer than the windows that fit.
 */
function windows(x: Tensor, kernel: readonly number[], attrs: ConvAttrs, places?: readonly number[]): Tensor {
  const { stride, padding, dilation, groups } = attrs;
  const [n, channels] = x.shape;
  const padded = padding.every((p) => p === 0)
    ? x
    : constantPad(
        x,
        [...padding].reverse().flatMap((p) => [p, p]),
      );
  const dims = kernel.length;
  let view = padded;
  for (let i = 0; i < dims; i++) view = view.unfold(2 + i, kernel[i], stride[i], dilation[i]);
  if (places !== undefined) view = trimTo(view, places);
  const out = view.shape.slice(2, 2 + dims);
  // [N, C, ...O, ...K] → [G, N, ...O, C/G, ...K]
  const split = view.reshape([n, groups, channels / groups, ...out, ...kernel]);
  const spatial = out.map((_, i) => 3 + i);
  const order = [1, 0, ...spatial, 2, ...kernel.map((_, i) => 3 + dims + i)];
  return split.permute(order).reshape([groups, n * product(out), (channels / groups) * product(kernel)]);
}

/** The first places of each spatial dimension. A transposed convolution with output padding gives an input that more windows fit into. */
const trimTo = (x: Tensor, places: readonly number[]): Tensor =>
  places.reduce((y, n, i) => (y.shape[2 + i] === n ? y : y.narrow(2 + i, 0, n)), x);

/** [N, C, ...O] as [groups, C/groups, N·O]. */
function channelRows(y: Tensor, groups: number): Tensor {
  const [n, channels, ...out] = y.shape;
  return y.reshape([n, groups, channels / groups, product(out)]).permute(1, 2, 0, 3).reshape([groups, channels / groups, n * product(out)]); // prettier-ignore
}

function compositions(dims: number) {
  const forward = (x: Tensor, weight: Tensor, attrs: ConvAttrs): Tensor => {
    const { groups } = attrs;
    const kernel = weight.shape.slice(2);
    const out = outputSize(x.shape, weight.shape, attrs);
    const rows = weight.reshape([groups, weight.shape[0] / groups, product(weight.shape.slice(1))]);
    const y = rows.matmul(windows(x, kernel, attrs).transpose(1, 2)); // [G, Cout/G, N·O]
    return y.reshape([weight.shape[0], x.shape[0], ...out]).transpose(0, 1).contiguous(); // prettier-ignore
  };

  const inputGrad = (g: Tensor, weight: Tensor, { shape, ...attrs }: ConvGradAttrs): Tensor => {
    const { stride, padding, dilation, groups } = attrs;
    const kernel = weight.shape.slice(2);
    const [n, , ...out] = g.shape;
    const rows = weight.reshape([groups, weight.shape[0] / groups, product(weight.shape.slice(1))]);
    // [G, N·O, Cout/G] · [G, Cout/G, C/G·K] → columns, to be added where their windows were.
    const columns = channelRows(g, groups).transpose(1, 2).matmul(rows);
    const parts = columns.reshape([groups, n, ...out, shape[1] / groups, ...kernel]);
    const spatial = out.map((_, i) => 2 + i);
    const ordered = parts.permute([1, 0, 2 + dims, ...spatial, ...kernel.map((_, i) => 3 + dims + i)]);
    const paddedShape = [n, shape[1], ...shape.slice(2).map((s, i) => s + 2 * padding[i])];
    const strides = contiguousStrides(paddedShape);
    const layout = [
      strides[0],
      strides[1] * (shape[1] / groups),
      strides[1],
      ...stride.map((s, i) => s * strides[2 + i]),
      ...dilation.map((d, i) => d * strides[2 + i]),
    ];
    const folded = dispatchOne(foldOp, [ordered], { shape: paddedShape, strides: layout, offset: 0 });
    return shape.slice(2).reduce((y, s, i) => (padding[i] === 0 ? y : y.narrow(2 + i, padding[i], s)), folded);
  };

  const weightGrad = (g: Tensor, x: Tensor, { shape, ...attrs }: ConvGradAttrs): Tensor =>
    channelRows(g, attrs.groups).matmul(windows(x, shape.slice(2), attrs, g.shape.slice(2))).reshape(shape); // prettier-ignore
  return { forward, inputGrad, weightGrad };
}

/** The three ops of a convolution with `dims` spatial dimensions. Each is linear in both inputs, so that their derivatives are each other. */
function defineConvolution(dims: number) {
  const { forward, inputGrad, weightGrad } = compositions(dims);
  /** x [N, C, ...S], weight [Cout, C/groups, ...K], bias [Cout] → [N, Cout, ...O]. */
  const conv: Op<ConvAttrs> = defineOp<ConvAttrs>({
    name: `conv${dims}d`,
    infer: ([x, weight], attrs) => [{ shape: [x.shape[0], weight.shape[0], ...outputSize(x.shape, weight.shape, attrs)], dtype: x.dtype }],
    compose([x, weight, bias], attrs) {
      const y = forward(x, weight, attrs);
      return [bias === undefined ? y : y.add(bias.reshape([-1, ...attrs.stride.map(() => 1)]))];
    },
    save: ([x, weight]) => [x, weight],
    vjp({ needs, cotangents: [g], saved: [x, weight], attrs }) {
      if (g === undefined) return needs.map(() => undefined);
      const grads = [
        needs[0] ? dispatchOne(toInput, [g, weight], { ...attrs, shape: x.shape }) : undefined,
        needs[1] ? dispatchOne(toWeight, [g, x], { ...attrs, shape: weight.shape }) : undefined,
      ];
      if (needs.length > 2) grads.push(needs[2] ? g.sum([0, ...attrs.stride.map((_, i) => 2 + i)]) : undefined);
      return grads;
    },
  });
  /** Gradient of a convolution with respect to its input; also a transposed convolution. */
  const toInput: Op<ConvGradAttrs> = defineOp<ConvGradAttrs>({
    name: `conv${dims}dInputGrad`,
    infer: ([g], { shape }) => [{ shape, dtype: g.dtype }],
    compose: ([g, weight], attrs) => [inputGrad(g, weight, attrs)],
    save: (inputs) => inputs,
    vjp({ needs, cotangents: [h], saved: [g, weight], attrs: { shape: _, ...attrs } }) {
      if (h === undefined) return [undefined, undefined];
      return [
        needs[0] ? trimTo(dispatchOne(conv, [h, weight], attrs), g.shape.slice(2)) : undefined,
        needs[1] ? dispatchOne(toWeight, [g, h], { ...attrs, shape: weight.shape }) : undefined,
      ];
    },
  });
  /** Gradient of a convolution with respect to its weight. */
  const toWeight: Op<ConvGradAttrs> = defineOp<ConvGradAttrs>({
    name: `conv${dims}dWeightGrad`,
    infer: ([g], { shape }) => [{ shape, dtype: g.dtype }],
    compose: ([g, x], attrs) => [weightGrad(g, x, attrs)],
    save: (inputs) => inputs,
    vjp({ needs, cotangents: [h], saved: [g, x], attrs: { shape: _, ...attrs } }) {
      if (h === undefined) return [undefined, undefined];
      return [
        needs[0] ? trimTo(dispatchOne(conv, [x, h], attrs), g.shape.slice(2)) : undefined,
        needs[1] ? dispatchOne(toInput, [g, h], { ...attrs, shape: x.shape }) : undefined,
      ];
    },
  });
  return { conv, toInput, toWeight };
}

/** The convolution ops by the number of spatial dimensions. */
export const convolutions: Readonly<Record<1 | 2 | 3, ReturnType<typeof defineConvolution>>> = {
  1: defineConvolution(1),
  2: defineConvolution(2),
  3: defineConvolution(3),
};

/** Options of convolutions. `padding` may be `same` (with stride 1) or `valid`. */
export interface ConvOptions {
  /** How far the kernel moves: one number, or one for each spatial dimension; 1 by default. */
  stride?: Size;
  /** Zeros on both sides of each spatial dimension, 0 by default; `same` keeps the sizes, `valid` is 0. */
  padding?: Size | 'same' | 'valid';
  /** The distance of neighboring taps of the kernel; 1 by default. */
  dilation?: Size;
  /** Groups of channels that see only each other; both numbers of channels are multiples of it. 1 by default. */
  groups?: number;
}

/** What a convolution takes after its input. */
export interface ConvArguments extends ConvOptions {
  /** Shape [outChannels, inChannels/groups, ...K]. */
  weight: Tensor;
  /** Shape [outChannels]. */
  bias?: Tensor | null;
}
/** Weight, bias and the options; all may be given in PyTorch's order or by name. */
export type ConvCall = Call<ConvArguments, ['weight', 'bias', 'stride', 'padding', 'dilation', 'groups']>;
const convNames = ['weight', 'bias', 'stride', 'padding', 'dilation', 'groups'] as const;

/** What a convolution is dispatched with. */
interface PreparedConvolution {
  readonly inputs: readonly Tensor[];
  readonly attrs: ConvAttrs;
  /** The spatial size of the result. */
  readonly output: readonly number[];
}

/** Checks the arguments of a convolution; x gets a batch dimension where it has none. */
export function prepareConvolution(op: string, dims: 1 | 2 | 3, x: Tensor, options: ConvArguments): PreparedConvolution {
  const { weight, bias, groups = 1 } = options;
  checkConvolutionTensors(op, dims, x, weight, bias, groups);
  const input = x.ndim === dims + 1 ? x.unsqueeze(0) : x;
  const stride = spread(op, 'stride', options.stride ?? 1, dims, 1);
  const dilation = spread(op, 'dilation', options.dilation ?? 1, dims, 1);
  if (input.shape[1] !== weight.shape[1] * groups || weight.shape[0] % groups !== 0) {
    throw new ShapeError({
      op,
      expected: `an input of ${weight.shape[1] * groups} channels for a weight ${showShape(weight.shape)} in ${groups} groups`,
      received: showShape(x.shape),
    });
  }
  checkBias(op, bias, weight.shape[0]);
  const { padded, padding } = resolvePadding(op, input, weight, options.padding ?? 0, stride, dilation);
  const attrs: ConvAttrs = { stride, padding, dilation, groups };
  const output = outputSize(padded.shape, weight.shape, attrs);
  if (output.some((n) => n < 1) || weight.shape.includes(0, 2)) {
    throw new ShapeError({
      op,
      expected: 'a kernel that fits into the padded input',
      received: `a kernel ${showShape(weight.shape.slice(2))} over ${showShape(x.shape.slice(x.ndim - dims))} with padding ${showShape(padding)}`,
    });
  }
  return { inputs: bias ? [padded, weight, bias] : [padded, weight], attrs, output };
}

function convolve(dims: 1 | 2 | 3, x: Tensor, args: readonly unknown[]): Tensor {
  const op = `conv${dims}d`;
  const { inputs, attrs } = prepareConvolution(op, dims, x, readCall<ConvArguments>(op, args, convNames));
  const y = dispatchOne(convolutions[dims].conv, inputs, attrs);
  return x.ndim === dims + 1 ? y.squeeze(0) : y;
}

/** Padding as numbers; the odd element that `same` may need behind is put around the input at once. */
function resolvePadding(
  op: string,
  x: Tensor,
  weight: Tensor,
  asked: Size | 'same' | 'valid',
  stride: readonly number[],
  dilation: readonly number[],
): { padded: Tensor; padding: number[] } {
  if (asked !== 'same') return { padded: x, padding: spread(op, 'padding', asked === 'valid' ? 0 : asked, stride.length) };
  if (stride.some((s) => s !== 1)) throw new ArgumentError({ op, expected: "stride 1 with padding 'same'", received: describe(stride) });
  const total = weight.shape.slice(2).map((k, i) => dilation[i] * (k - 1));
  const behind = total.map((n) => n % 2);
  const padded = behind.includes(1) ? constantPad(x, [...behind].reverse().flatMap((n) => [0, n])) : x; // prettier-ignore
  return { padded, padding: total.map((n) => Math.floor(n / 2)) };
}

/** What every convolution asks of its tensors. @throws ShapeError, DTypeError or ArgumentError */
export function checkConvolutionTensors(op: string, dims: number, x: Tensor, weight: Tensor, bias: unknown, groups: number): void {
  checkTensor(op, 'input', x);
  checkTensor(op, 'weight', weight);
  if (bias !== undefined && bias !== null) checkTensor(op, 'bias', bias);
  if (!Number.isInteger(groups) || groups < 1)
    throw new ArgumentError({ op, expected: 'groups as a positive integer', received: describe(groups) });
  if ((x.ndim !== dims + 1 && x.ndim !== dims + 2) || weight.ndim !== dims + 2) {
    throw new ShapeError({
      op,
      expected: `an input of ${dims + 1} or ${dims + 2} dimensions and a weight of ${dims + 2}`,
      received: `${showShape(x.shape)} and ${showShape(weight.shape)}`,
    });
  }
  for (const other of bias instanceof Tensor ? [weight, bias] : [weight]) {
    if (other.dtype === x.dtype) continue;
    throw new DTypeError({
      op,
      expected: 'input, weight and bias of one dtype',
      received: `${x.dtype} and ${other.dtype}`,
      hint: 'Cast the input with x.to(dtype), or the module with model.to(dtype).',
    });
  }
}

/** @throws ShapeError unless the bias has one element for each output channel. */
export function checkBias(op: string, bias: Tensor | null | undefined, channels: number): void {
  if (bias && (bias.ndim !== 1 || bias.shape[0] !== channels))
    throw new ShapeError({ op, expected: `a bias of shape [${channels}]`, received: showShape(bias.shape) });
}

/** Convolution over one dimension: x [N, C, L], weight [Cout, C/groups, K], bias [Cout]. */
export const conv1d = (x: Tensor, ...args: ConvCall): Tensor => convolve(1, x, args);
/**
 * Convolution over two dimensions (a cross-correlation, as everywhere in the field).
 * @param x - shape [N, C, H, W], or without N
 * @param args - weight of shape [Cout, C/groups, kH, kW], bias of shape [Cout], stride, padding, dilation, groups, in this order or by name
 * @returns shape [N, Cout, ⌊(H + 2·padding - dilation·(kH - 1) - 1)/stride⌋ + 1, ...]
 * @throws ShapeError when channels or sizes do not fit
 */
export const conv2d = (x: Tensor, ...args: ConvCall): Tensor => convolve(2, x, args);
/** Convolution over three dimensions: x [N, C, D, H, W]. */
export const conv3d = (x: Tensor, ...args: ConvCall): Tensor => convolve(3, x, args);
