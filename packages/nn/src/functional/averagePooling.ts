import {
  ArgumentError,
  checkNumber,
  checkTensor,
  contiguousStrides,
  defineOp,
  describe,
  dispatchOne,
  foldOp,
  isFloat,
  readCall,
  type Call,
  type Op,
  type Shape,
  type Tensor,
} from '@flambeau/core';
import { poolAttrs, poolWindows, type PoolAttrs, type PoolOptions } from './pooling.ts';
import { product, type Size } from './size.ts';

interface AveragePoolAttrs extends PoolAttrs {
  /** Whether places outside of the input count in the mean. */
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;
}

/** By how much each window's sum is divided: [...O], or one number where it is the same everywhere. */
function divisor(size: Shape, attrs: AveragePoolAttrs): { values: number[]; shape: number[] } | number {
  const { kernel, stride, padding, output, countIncludePad, divisorOverride } = attrs;
  if (divisorOverride !== null) return divisorOverride;
  const counts = size.map((n, i) =>
    Array.from({ length: output[i] }, (_, o) => {
      const start = o * stride[i] - padding[i];
      // A window that hangs over (ceilMode) counts only as far as the padding behind reaches.
      const end = Math.min(start + kernel[i], n + padding[i]);
      return countIncludePad ? end - start : Math.min(end, n) - Math.max(start, 0);
    }),
  );
  const values = counts.reduce((all, row) => all.flatMap((n) => row.map((m) => n * m)), [1]);
  return values.every((n) => n === values[0]) ? (values[0] ?? 1) : { values, shape: [...output] };
}

function divided(x: Tensor, size: Shape, attrs: AveragePoolAttrs): Tensor {
  const by = divisor(size, attrs);
  // Integers stay integers, rounded towards zero.
  const mode = isFloat(x.dtype) ? {} : ({ roundingMode: 'trunc' } as const);
  if (typeof by === 'number') return x.div(by, mode);
  return x.div(x.newInt32(Int32Array.from(by.values)).to(x.dtype).reshape(by.shape), mode);
}

function defineAveragePool(dims: number): Op<AveragePoolAttrs> {
  return defineOp<AveragePoolAttrs>({
    name: `avgPool${dims}d`,
    infer: ([x], { output }) => [{ shape: [...x.shape.slice(0, x.ndim - dims), ...output], dtype: x.dtype }],
    compose: ([x], attrs) => [
      divided(poolWindows(x, attrs, 0).flatten(-dims).sum(-1, { dtype: x.dtype }), x.shape.slice(x.ndim - dims), attrs),
    ],
    // Each element of a window gets the window's gradient over the divisor.
    vjp({ cotangents: [g], inputs: [{ shape }], attrs }) {
      if (g === undefined) return [undefined];
      const { kernel, stride, padding, output } = attrs;
      const lead = shape.length - dims;
      const spatial = shape.slice(lead);
      const share = divided(g, spatial, attrs).reshape([...shape.slice(0, lead), ...output, ...kernel.map(() => 1)]);
      const reach = spatial.map((n, i) => Math.max(n + padding[i], (output[i] - 1) * stride[i] + kernel[i] - padding[i]) + padding[i]);
      const padded = [...shape.slice(0, lead), ...reach];
      const strides = contiguousStrides(padded);
      const folded = dispatchOne(foldOp, [share.expand([...shape.slice(0, lead), ...output, ...kernel])], {
        shape: padded,
        strides: [...strides.slice(0, lead), ...stride.map((s, i) => s * strides[lead + i]), ...strides.slice(lead)],
        offset: 0,
      });
      return [spatial.reduce((y, n, i) => (y.shape[lead + i] === n ? y : y.narrow(lead + i, padding[i], n)), folded)];
    },
  });
}
/** The average pooling ops by the number of spatial dimensions. */
export const averagePools: Readonly<Record<1 | 2 | 3, Op<AveragePoolAttrs>>> = {
  1: defineAveragePool(1),
  2: defineAveragePool(2),
  3: defineAveragePool(3),
};

/** Options of average pooling. */
export interface AvgPoolOptions extends PoolOptions {
  /** The size of the window. */
  kernelSize: Size;
  /** Whether the zeros of the padding count in the mean, true by default. */
  countIncludePad?: boolean;
  /** Divides by this number instead of the size of the window. */
  divisorOverride?: number | null;
}
const names = ['kernelSize', 'stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride'] as const;
type AvgPoolCall = Call<AvgPoolOptions, ['kernelSize', 'stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride']>;

function averagePool(dims: 1 | 2 | 3, x: Tensor, args: readonly unknown[]): Tensor {
  const op = `avgPool${dims}d`;
  checkTensor(op, 'input', x);
  const options = readCall<AvgPoolOptions>(op, args, dims === 1 ? names.slice(0, 5) : names);
  const { countIncludePad = true, divisorOverride = null } = options;
  if (divisorOverride !== null && (!Number.isInteger(divisorOverride) || divisorOverride === 0))
    throw new ArgumentError({ op, expected: 'divisorOverride as an integer that is not 0', received: describe(divisorOverride) });
  const attrs = poolAttrs(op, dims, x, { ...options, dilation: 1 });
  return dispatchOne(averagePools[dims], [x], { ...attrs, countIncludePad, divisorOverride });
}

/** The mean of each window over the last dimension of [N, C, L] or [C, L]. */
export const avgPool1d = (x: Tensor, ...args: Call<Omit<AvgPoolOptions, 'divisorOverride'>, ['kernelSize', 'stride', 'padding', 'ceilMode', 'countIncludePad']>): Tensor => averagePool(1, x, args); // prettier-ignore
/**
 * The mean of each window over the last two dimensions of [N, C, H, W] or [C, H, W].
 * Arguments: kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride, in this order or by name.
 */
export const avgPool2d = (x: Tensor, ...args: AvgPoolCall): Tensor => averagePool(2, x, args);
/** The mean of each window over the last three dimensions of [N, C, D, H, W] or [C, D, H, W]. */
export const avgPool3d = (x: Tensor, ...args: AvgPoolCall): Tensor => averagePool(3, x, args);

/** Options of power-average pooling. */
export interface LPPoolOptions {
  /** The power p. */
  normType: number;
  /** The size of the window. */
  kernelSize: Size;
  /** How far the window moves; its own size by default. */
  stride?: Size | null;
  /** Lets the last window reach over the edge; false by default. */
  ceilMode?: boolean;
}
type LPPoolCall = Call<LPPoolOptions, ['normType', 'kernelSize', 'stride', 'ceilMode']>;

function lpPool(dims: 1 | 2 | 3, x: Tensor, args: readonly unknown[]): Tensor {
  const op = `lpPool${dims}d`;
  checkTensor(op, 'input', x);
  const { normType, kernelSize, stride, ceilMode } = readCall<LPPoolOptions>(op, args, ['normType', 'kernelSize', 'stride', 'ceilMode']);
  checkNumber(op, 'normType', normType);
  if (normType === 0) throw new ArgumentError({ op, expected: 'normType that is not 0', received: '0' });
  const attrs = { ...poolAttrs(op, dims, x, { kernelSize, stride, ceilMode }), countIncludePad: true, divisorOverride: null };
  const mean = dispatchOne(averagePools[dims], [x.pow(normType)], attrs);
  // A negative sum (odd powers of negative numbers) keeps its sign as zero, as in PyTorch.
  return mean
    .sign()
    .mul(mean.abs().relu())
    .mul(product(attrs.kernel))
    .pow(1 / normType);
}
/** `(Σ xᵖ)^(1/p)` of each window over the last dimension. */
export const lpPool1d = (x: Tensor, ...args: LPPoolCall): Tensor => lpPool(1, x, args);
/** `(Σ xᵖ)^(1/p)` of each window over the last two dimensions. */
export const lpPool2d = (x: Tensor, ...args: LPPoolCall): Tensor => lpPool(2, x, args);
/** `(Σ xᵖ)^(1/p)` of each window over the last three dimensions. */
export const lpPool3d = (x: Tensor, ...args: LPPoolCall): Tensor => lpPool(3, x, args);
