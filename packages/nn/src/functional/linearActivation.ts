import { defineOp, dispatch, dispatchOne, linearGradOp, linearOp, relu, reluGradOp, sigmoid, tanh, type Op, type Tensor } from '@flambeau/core'; // prettier-ignore

/** The activations whose derivative follows from their result y. */
const activations = {
  relu: { apply: relu, slope: (g: Tensor, y: Tensor) => dispatchOne(reluGradOp, [g, y]) },
  // σ' = σ(1 - σ)
  sigmoid: { apply: sigmoid, slope: (g: Tensor, y: Tensor) => g.mul(y.mul(y.neg().add(1))) },
  // tanh' = 1 - tanh²
  tanh: { apply: tanh, slope: (g: Tensor, y: Tensor) => g.mul(y.square().neg().add(1)) },
} satisfies Record<string, { apply: (x: Tensor) => Tensor; slope: (g: Tensor, y: Tensor) => Tensor }>;

/** An activation that can follow a product in one kernel. */
export type FusedActivation = keyof typeof activations;
interface LinearActivationAttrs {
  readonly activation: FusedActivation;
}
interface LinearActivationGradAttrs extends LinearActivationAttrs {
  /** Whether the gradients of x, of the weight and of the bias are wanted. */
  readonly needs: readonly boolean[];
}

/**
 * `activation(x Wᵀ + b)` as one op, so that a backend can activate what it has in its registers. What lies between is never stored: the
 * derivative follows from the result.
 */
export const linearActivationOp: Op<LinearActivationAttrs> = /* @__PURE__ */ defineOp<LinearActivationAttrs>({
  name: 'linearActivation',
  infer: ([x, weight]) => [{ shape: [...x.shape.slice(0, -1), weight.shape[0]], dtype: x.dtype }],
  compose: (inputs, { activation }) => [activations[activation].apply(dispatchOne(linearOp, inputs))],
  save: ([x, weight], [y]) => [x, weight, y],
  vjp({ needs, cotangents: [g], saved: [x, weight, y], attrs: { activation } }) {
    if (g === undefined) return needs.map(() => undefined);
    const grads = dispatch(linearActivationGradOp, [g, x, weight, y], { needs, activation });
    let next = 0;
    return needs.map((needed) => (needed ? grads[next++] : undefined));
  },
});

/** The gradients of `linearActivation`, as those of `linearGrad`, from that of its result y. */
export const linearActivationGradOp: Op<LinearActivationGradAttrs> = defineOp<LinearActivationGradAttrs>({
  name: 'linearActivationGrad',
  infer: (inputs, attrs) => linearGradOp.infer?.(inputs, attrs, []) ?? [],
  compose: ([g, x, weight, y], { needs, activation }) =>
    dispatch(linearGradOp, [activations[activation].slope(g, y), x, weight], { needs }),
});

/**
 * `activation(x Wᵀ + b)` in one op where the device has a kernel for it that takes these operands; undefined elsewhere, and where the linear
 * map alone has something to say about them.
 */
export function linearActivation(x: Tensor, weight: Tensor, bias: Tensor | null, activation: FusedActivation): Tensor | undefined {
  const kernel = x.device.optional[linearActivationOp.name];
  if (kernel === undefined || x.ndim < 2 || x.count === 0 || x.shape[x.ndim - 1] !== weight.shape[1]) return undefined;
  const inputs = bias === null ? [x, weight] : [x, weight, bias];
  if (inputs.some(({ dtype, device }) => dtype !== x.dtype || device !== x.device)) return undefined;
  if (kernel.accepts?.(inputs, { activation }, []) === false) return undefined;
  return dispatchOne(linearActivationOp, inputs, { activation });
}
