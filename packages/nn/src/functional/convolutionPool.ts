import { defineOp, dispatch, dispatchOne, relu, reluGradOp, type Op, type Tensor } from '@flambeau/core';
import { convolutions, prepareConvolution, type ConvArguments, type ConvAttrs } from './convolution.ts';
import { firstOutput } from './firstOutput.ts';
import { maxPoolGrads, maxPools, poolAttrs, type MaxPoolOptions, type PoolAttrs } from './pooling.ts';

/** A convolution over two dimensions, and the windows of the pooling that follows it. */
export interface ConvPoolAttrs extends ConvAttrs {
  readonly pool: PoolAttrs;
}
interface ConvPoolGradAttrs extends ConvPoolAttrs {
  /** Which of the gradients of input, weight and bias are wanted. */
  readonly needs: readonly [boolean, boolean, boolean];
}

/**
 * maxPool2d(relu(conv2d(x, weight, bias))) as one op, so that a backend can keep what passes between the three in its caches. Gives the
 * values [N, Cout, ...P] and their flat places in the plane of the convolution, as max pooling does.
 */
export const convReluMaxPool2dOp: Op<ConvPoolAttrs> = /* @__PURE__ */ defineOp<ConvPoolAttrs>({
  name: 'convReluMaxPool2d',
  infer([x, weight], { pool }) {
    const shape = [x.shape[0], weight.shape[0], ...pool.output];
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int32' },
    ];
  },
  compose: (inputs, { pool, ...attrs }) => dispatch(maxPools[2], [relu(dispatchOne(convolutions[2].conv, inputs, attrs))], pool),
  save: ([x, weight], [values, places]) => [x, weight, values, places],
  vjp({ needs, cotangents: [g], saved: [x, weight, values, places], attrs }) {
    if (g === undefined) return needs.map(() => undefined);
    const wanted = [needs[0], needs[1], needs[2] ?? false] as const;
    const grads = dispatch(convReluMaxPool2dGradOp, [g, values, places, x, weight], { ...attrs, needs: wanted });
    let at = 0;
    return needs.map((need) => (need ? grads[at++] : undefined));
  },
});

/** The wanted gradients of `convReluMaxPool2d` with respect to input, weight and bias, from that of its values. */
export const convReluMaxPool2dGradOp: Op<ConvPoolGradAttrs> = /* @__PURE__ */ defineOp<ConvPoolGradAttrs>({
  name: 'convReluMaxPool2dGrad',
  infer: ([g, , , x, weight], { needs }) =>
    [x.shape, weight.shape, [weight.shape[0]]].filter((_, i) => needs[i]).map((shape) => ({ shape, dtype: g.dtype })),
  compose([g, values, places, x, weight], { pool: { output: _, ...pool }, needs, ...attrs }) {
    const { stride, padding, dilation } = attrs;
    const out = stride.map((s, i) => Math.floor((x.shape[2 + i] + 2 * padding[i] - dilation[i] * (weight.shape[2 + i] - 1) - 1) / s) + 1);
    const masked = dispatchOne(reluGradOp, [g, values]);
    const shape = [...g.shape.slice(0, 2), ...out];
    const spread = dispatchOne(maxPoolGrads[2], [masked, places], { ...pool, shape });
    const { toInput, toWeight } = convolutions[2];
    const grads: Tensor[] = [];
    if (needs[0]) grads.push(dispatchOne(toInput, [spread, weight], { ...attrs, shape: x.shape }));
    if (needs[1]) grads.push(dispatchOne(toWeight, [spread, x], { ...attrs, shape: weight.shape }));
    if (needs[2]) grads.push(masked.sum([0, 2, 3]));
    return grads;
  },
});

/**
 * maxPool2d(relu(conv2d(x, ...))) in one op where the device has a kernel for it that takes these operands; undefined elsewhere. The arguments
 * are those of the two functions, and so are the errors.
 */
export function convReluMaxPool2d(x: Tensor, conv: ConvArguments, pool: MaxPoolOptions): Tensor | undefined {
  const kernel = x.device.optional[convReluMaxPool2dOp.name];
  if (kernel === undefined || x.ndim !== 4) return undefined;
  const { inputs, attrs, output } = prepareConvolution('conv2d', 2, x, conv);
  const shape = [x.shape[0], conv.weight.shape[0], ...output];
  const poolings = poolAttrs('maxPool2d', 2, { ndim: 4, shape }, pool);
  const both = { ...attrs, pool: poolings };
  if (kernel.accepts?.(inputs, both, []) === false) return undefined;
  return firstOutput(() => dispatch(convReluMaxPool2dOp, inputs, both));
}
