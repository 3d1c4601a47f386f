import {
  arange,
  ArgumentError,
  checkTensor,
  defineOp,
  dispatch,
  dispatchOne,
  isFloat,
  limits,
  numel,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Op,
  type Shape,
  type Tensor,
} from '@flambeau/core';
import { firstOutput } from './firstOutput.ts';
import { constantPad } from './padding.ts';
import { spread, type Size } from './size.ts';

/** How a pooling window moves, one number for each spatial dimension. */
export interface PoolAttrs {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  /** The spatial size of the result. */
  readonly output: readonly number[];
}

/** Options of pooling. */
export interface PoolOptions {
  /** The kernel's size by default. */
  stride?: Size | null;
  /** How far windows reach out of the input, at most half the kernel. */
  padding?: Size;
  /** Rounds the output size up instead of down. */
  ceilMode?: boolean;
}

/** The number of windows; with ceilMode the last may hang over, but must begin inside the input or its padding before. */
function windowCount(n: number, kernel: number, stride: number, padding: number, dilation: number, ceilMode: boolean): number {
  const span = n + 2 * padding - dilation * (kernel - 1) - 1;
  const count = Math.floor((span + (ceilMode ? stride - 1 : 0)) / stride) + 1;
  return ceilMode && (count - 1) * stride >= n + padding ? count - 1 : count;
}

/** Checks the arguments of a pooling over the last `dims` dimensions. */
export function poolAttrs(
  op: string,
  dims: number,
  x: Pick<Tensor, 'ndim' | 'shape'>,
  options: PoolOptions & { kernelSize: Size; dilation?: Size },
): PoolAttrs {
  const kernel = spread(op, 'kernelSize', options.kernelSize, dims, 1);
  const stride =
    options.stride === undefined || options.stride === null || (Array.isArray(options.stride) && options.stride.length === 0)
      ? kernel
      : spread(op, 'stride', options.stride, dims, 1);
  const padding = spread(op, 'padding', options.padding ?? 0, dims);
  const dilation = spread(op, 'dilation', options.dilation ?? 1, dims, 1);
  if (x.ndim !== dims + 1 && x.ndim !== dims + 2)
    throw new ShapeError({ op, expected: `${dims + 1} or ${dims + 2} dimensions`, received: showShape(x.shape) });
  if (padding.some((p, i) => p > Math.floor((dilation[i] * (kernel[i] - 1) + 1) / 2)))
    throw new ArgumentError({
      op,
      expected: 'padding of at most half the kernel',
      received: `padding ${padding.join(', ')} for a kernel ${kernel.join(', ')}`,
    });
  const first = x.ndim - dims;
  const output = kernel.map((k, i) => windowCount(x.shape[first + i], k, stride[i], padding[i], dilation[i], options.ceilMode ?? false));
  if (output.some((n) => n < 1) || x.shape.includes(0, first - 1)) {
    throw new ShapeError({
      op,
      expected: 'a window that fits into the padded input',
      received: `a kernel of ${kernel.join('x')} over ${showShape(x.shape)}`,
    });
  }
  return { kernel, stride, padding, dilation, output };
}

/** Windows over the last dimensions: [..., ...O, ...K]. What lies outside the input is `value`. */
export function poolWindows(x: Tensor, { kernel, stride, padding, dilation, output }: PoolAttrs, value: number): Tensor {
  const dims = kernel.length;
  const first = x.ndim - dims;
  const sides = kernel.map((k, i) => {
    const reach = (output[i] - 1) * stride[i] + dilation[i] * (k - 1) + 1;
    return [padding[i], reach - x.shape[first + i] - padding[i]];
  });
  let view = constantPad(x, sides.reverse().flat(), value);
  for (let i = 0; i < dims; i++) view = view.unfold(first + i, kernel[i], stride[i], dilation[i]);
  return view;
}

function defineMaxPool(dims: 1 | 2 | 3): Op<PoolAttrs> {
  return defineOp<PoolAttrs>({
    name: `maxPool${dims}d`,
    infer([x], { output }) {
      const shape = [...x.shape.slice(0, x.ndim - dims), ...output];
      return [
        { shape, dtype: x.dtype },
        { shape, dtype: 'int32' },
      ];
    },
    compose([x], attrs) {
      const { kernel, stride, padding, dilation, output } = attrs;
      const found = poolWindows(x, attrs, isFloat(x.dtype) ? -Infinity : limits(x.dtype).min)
        .flatten(-dims)
        .max(-1);
      // The place in the window becomes the place in the flattened input: Σ (o·stride - padding + k·dilation)·(elements behind).
      const spatial = x.shape.slice(x.ndim - dims);
      let place = found.indices.mul(0);
      let rest = found.indices;
      let behind = 1;
      for (let i = dims - 1; i >= 0; i--) {
        const k = rest.remainder(kernel[i]);
        rest = rest.floorDivide(kernel[i]);
        const o = arange(output[i], { dtype: 'int32', device: x.device }).reshape([-1, ...new Array<number>(dims - 1 - i).fill(1)]);
        place = place.add(o.mul(stride[i]).sub(padding[i]).add(k.mul(dilation[i])).mul(behind));
        behind *= spatial[i];
      }
      return [found.values, place];
    },
    save: (_, [, indices]) => [indices],
    vjp: ({ cotangents: [g], saved: [indices], inputs: [x], attrs: { kernel, stride, padding, dilation } }) => [
      g && dispatchOne(maxPoolGrads[dims], [g, indices], { shape: x.shape, kernel, stride, padding, dilation }),
    ],
  });
}

interface MaxPoolGradAttrs {
  /** The shape of the pooled input. */
  readonly shape: Shape;
  /** How the windows moved, for kernels that look for the windows of a place; places that were named otherwise have none. */
  readonly kernel?: readonly number[];
  readonly stride?: readonly number[];
  readonly padding?: readonly number[];
  readonly dilation?: readonly number[];
}

/** Gradient of max pooling: g [..., ...O] added at the places in the flattened input that the indices name. */
function defineMaxPoolGrad(dims: 1 | 2 | 3): Op<MaxPoolGradAttrs> {
  return defineOp<MaxPoolGradAttrs>({
    name: `maxPool${dims}dGrad`,
    infer: ([g], { shape }) => [{ shape, dtype: g.dtype }],
    compose([g, indices], { shape }) {
      const lead = shape.slice(0, shape.length - dims);
      const flat = g.newZeros([...lead, numel(shape.slice(shape.length - dims))]);
      return [flat.scatterAdd(-1, indices.flatten(-dims), g.flatten(-dims)).reshape(shape)];
    },
    save: ([, indices]) => [indices],
    vjp: ({ cotangents: [h], saved: [indices], inputs: [g] }) => [
      h && h.flatten(-dims).gather(-1, indices.flatten(-dims)).reshape(g.shape),
      undefined,
    ],
  });
}
/** The gradients of the max pooling ops. */
export const maxPoolGrads: Readonly<Record<1 | 2 | 3, Op<MaxPoolGradAttrs>>> = {
  1: defineMaxPoolGrad(1),
  2: defineMaxPoolGrad(2),
  3: defineMaxPoolGrad(3),
};

/** The max pooling ops by the number of spatial dimensions; they give values and the flat indices that the values were found at. */
export const maxPools: Readonly<Record<1 | 2 | 3, Op<PoolAttrs>>> = { 1: defineMaxPool(1), 2: defineMaxPool(2), 3: defineMaxPool(3) };

/** Options of max pooling. With `returnIndices` the result is a pair of values and indices. */
export interface MaxPoolOptions extends PoolOptions {
  /** The size of the window. */
  kernelSize: Size;
  /** The distance of neighboring elements of a window; 1 by default. */
  dilation?: Size;
  /** Gives the place of each maximum in the flattened spatial dimensions as well, for `maxUnpool`. */
  returnIndices?: boolean;
}
const maxPoolNames = ['kernelSize', 'stride', 'padding', 'dilation', 'ceilMode', 'returnIndices'] as const;
type MaxPoolNames = ['kernelSize', 'stride', 'padding', 'dilation', 'ceilMode', 'returnIndices'];

/** A max pooling function: a pair with `returnIndices: true`, else the values alone. */
export interface MaxPool {
  (x: Tensor, ...args: Call<MaxPoolOptions & { returnIndices: true }, MaxPoolNames>): [Tensor, Tensor];
  (x: Tensor, ...args: Call<MaxPoolOptions & { returnIndices?: false }, MaxPoolNames>): Tensor;
  (x: Tensor, ...args: Call<MaxPoolOptions, MaxPoolNames>): Tensor | [Tensor, Tensor];
}

function maxPooling(dims: 1 | 2 | 3): MaxPool {
  const op = `maxPool${dims}d`;
  const pool = (x: Tensor, ...args: unknown[]): Tensor | [Tensor, Tensor] => {
    checkTensor(op, 'input', x);
    const options = readCall<MaxPoolOptions>(op, args, maxPoolNames);
    const run = (): Tensor[] => dispatch(maxPools[dims], [x], poolAttrs(op, dims, x, options));
    if (!options.returnIndices) return firstOutput(run);
    const [values, indices] = run();
    return [values, indices];
  };
  return pool as MaxPool;
}

/** The maximum of each window over the last dimension of [N, C, L] or [C, L]. */
export const maxPool1d: MaxPool = /* @__PURE__ */ maxPooling(1);
/**
 * The maximum of each window over the last two dimensions of [N, C, H, W] or [C, H, W].
 * Arguments: kernelSize, stride, padding, dilation, ceilMode, returnIndices, in this order or by name.
 * @throws ShapeError when no window fits
 */
export const maxPool2d: MaxPool = /* @__PURE__ */ maxPooling(2);
/** The maximum of each window over the last three dimensions of [N, C, D, H, W] or [C, D, H, W]. */
export const maxPool3d: MaxPool = /* @__PURE__ */ maxPooling(3);
