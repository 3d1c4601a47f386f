import {
  ArgumentError,
  contiguousStrides,
  defineOp,
  describe,
  dispatchOne,
  foldOp,
  resultType,
  cast,
  ShapeError,
  showShape,
  type Op,
  type Shape,
  type Tensor,
} from '@flambeau/core';
import { constantPad } from './padding.ts';

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

const product = (values: readonly number[]): number => values.reduce((n, m) => n * m, 1);

/** The spatial size that a convolution gives. */
const outputSize = (x: Shape, kernel: Shape, { stride, padding, dilation }: ConvAttrs): number[] =>
  kernel.slice(2).map((k, i) => Math.floor((x[2 + i] + 2 * padding[i] - dilation[i] * (k - 1) - 1) / stride[i]) + 1);

/** Windows of a padded x [N, C, ...S] as [groups, N·O, C/groups·K]: a row for each output place, a column for each weight. */
function windows(x: Tensor, kernel: readonly number[], attrs: ConvAttrs): Tensor {
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
  const out = view.shape.slice(2, 2 + dims);
  // [N, C, ...O, ...K] → [G, N, ...O, C/G, ...K]
  const split = view.reshape([n, groups, channels / groups, ...out, ...kernel]);
  const spatial = out.map((_, i) => 3 + i);
  const order = [1, 0, ...spatial, 2, ...kernel.map((_, i) => 3 + dims + i)];
  return split.permute(order).reshape([groups, n * product(out), (channels / groups) * product(kernel)]);
}

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

  const weightGrad = (g: Tensor, x: Tensor, { shape, ...attrs }: ConvGradAttrs): Tensor => {
    const reached = trimToWindows(x, g, shape, attrs);
    return channelRows(g, attrs.groups).matmul(windows(reached, shape.slice(2), attrs)).reshape(shape); // prettier-ignore
  };
  return { forward, inputGrad, weightGrad };
}

/** x without the rest at its end that no window reached. */
function trimToWindows(x: Tensor, g: Tensor, kernel: Shape, { stride, padding, dilation }: ConvAttrs): Tensor {
  return stride.reduce((y, s, i) => {
    const needed = (g.shape[2 + i] - 1) * s + dilation[i] * (kernel[2 + i] - 1) + 1 - padding[i];
    // With padding behind, the surplus windows cannot appear; without it, a longer x would give more windows than g has.
    const surplus = y.shape[2 + i] + padding[i] - needed >= s;
    return surplus ? y.narrow(2 + i, 0, needed) : y;
  }, x);
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
        needs[0] ? dispatchOne(conv, [h, weight], attrs) : undefined,
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
        needs[0] ? dispatchOne(conv, [x, h], attrs) : undefined,
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

/** A number for every spatial dimension, or one for each. */
export type Size = number | readonly number[];

/** Spreads a number over `dims` dimensions. @throws ArgumentError when an array has another length or a value is too small. */
export function spread(op: string, name: string, value: Size, dims: number, least = 0): number[] {
  const list =
    typeof value === 'number'
      ? new Array<number>(dims).fill(value)
      : value.length === 1
        ? new Array<number>(dims).fill(value[0])
        : [...value];
  if (list.length !== dims || list.some((n) => !Number.isInteger(n) || n < least)) {
    throw new ArgumentError({ op, expected: `${name} as an integer of at least ${least}, or ${dims} of them`, received: describe(value) });
  }
  return list;
}

/** Options of convolutions. `padding` may be `same` (with stride 1) or `valid`. */
export interface ConvOptions {
  stride?: Size;
  padding?: Size | 'same' | 'valid';
  dilation?: Size;
  groups?: number;
}

function convolve(dims: 1 | 2 | 3, x: Tensor, weight: Tensor, bias: Tensor | null | undefined, options: ConvOptions): Tensor {
  const op = `conv${dims}d`;
  if (x.ndim === dims + 1) return convolve(dims, x.unsqueeze(0), weight, bias, options).squeeze(0);
  const { groups = 1 } = options;
  const stride = spread(op, 'stride', options.stride ?? 1, dims, 1);
  const dilation = spread(op, 'dilation', options.dilation ?? 1, dims, 1);
  checkConvolution(op, dims, x, weight, bias, groups);
  let padded = x;
  let padding: number[];
  if (options.padding === 'same') {
    if (stride.some((s) => s !== 1))
      throw new ArgumentError({ op, expected: "stride 1 with padding 'same'", received: describe(options.stride) });
    const total = weight.shape.slice(2).map((k, i) => dilation[i] * (k - 1));
    padding = total.map((n) => Math.floor(n / 2));
    // An odd total puts the extra element behind.
    const extra = total.map((n) => n % 2);
    if (extra.includes(1))
      padded = constantPad(
        x,
        [...extra].reverse().flatMap((n) => [0, n]),
      );
  } else padding = spread(op, 'padding', options.padding === 'valid' ? 0 : (options.padding ?? 0), dims);
  const attrs: ConvAttrs = { stride, padding, dilation, groups };
  if (outputSize(padded.shape, weight.shape, attrs).some((n) => n < 1)) {
    throw new ShapeError({
      op,
      expected: 'a kernel that fits into the padded input',
      received: `a kernel ${showShape(weight.shape.slice(2))} over ${showShape(x.shape.slice(2))} with padding ${showShape(padding)}`,
    });
  }
  const dtype = resultType(x, weight);
  const inputs = [cast(padded, dtype), cast(weight, dtype)];
  if (bias) inputs.push(cast(bias, dtype));
  return dispatchOne(convolutions[dims].conv, inputs, attrs);
}

function checkConvolution(op: string, dims: number, x: Tensor, weight: Tensor, bias: Tensor | null | undefined, groups: number): void {
  if (!Number.isInteger(groups) || groups < 1)
    throw new ArgumentError({ op, expected: 'groups as a positive integer', received: describe(groups) });
  if (x.ndim !== dims + 2 || weight.ndim !== dims + 2) {
    throw new ShapeError({
      op,
      expected: `an input of ${dims + 1} or ${dims + 2} dimensions and a weight of ${dims + 2}`,
      received: `${showShape(x.shape)} and ${showShape(weight.shape)}`,
    });
  }
  if (x.shape[1] !== weight.shape[1] * groups || weight.shape[0] % groups !== 0) {
    throw new ShapeError({
      op,
      expected: `an input of ${weight.shape[1] * groups} channels for a weight ${showShape(weight.shape)} in ${groups} groups`,
      received: showShape(x.shape),
    });
  }
  if (bias && (bias.ndim !== 1 || bias.shape[0] !== weight.shape[0])) {
    throw new ShapeError({ op, expected: `a bias of shape [${weight.shape[0]}]`, received: showShape(bias.shape) });
  }
}

/** Convolution over one dimension: x [N, C, L], weight [Cout, C/groups, K], bias [Cout]. */
export const conv1d = (x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor =>
  convolve(1, x, weight, bias, options);
/**
 * Convolution over two dimensions (a cross-correlation, as everywhere in the field).
 * @param x - shape [N, C, H, W], or without N
 * @param weight - shape [Cout, C/groups, kH, kW]
 * @param bias - shape [Cout]
 * @returns shape [N, Cout, ⌊(H + 2·padding - dilation·(kH - 1) - 1)/stride⌋ + 1, ...]
 * @throws ShapeError when channels or sizes do not fit
 */
export const conv2d = (x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor =>
  convolve(2, x, weight, bias, options);
/** Convolution over three dimensions: x [N, C, D, H, W]. */
export const conv3d = (x: Tensor, weight: Tensor, bias?: Tensor | null, options: ConvOptions = {}): Tensor =>
  convolve(3, x, weight, bias, options);
