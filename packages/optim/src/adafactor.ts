import { ArgumentError, defineOp, describe, dispatch, type DType, type Op, type Tensor } from '@flambeau/core';
import { checkRange, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of Adafactor. */
export interface AdafactorOptions {
  /** The largest relative learning rate; that of step t is min(lr, 1/√t). */
  lr: number;
  /** The power of the decay of the second moment: β2 = 1 - t^beta2Decay. */
  beta2Decay: number;
  /** The smallest squared gradient (null for the dtype's machine epsilon, which is squared), and the smallest scale of a parameter. */
  eps: readonly [number | null, number];
  /** The largest root mean square of an update. */
  d: number;
  /** Shrinks the parameter itself. */
  weightDecay: number;
  /** Climbs instead of descending. */
  maximize: boolean;
}

interface AdafactorAttrs {
  readonly maximize: boolean;
  /** True for two dimensions and more: the second moment is kept as a row and a column. */
  readonly factored: boolean;
}

const rootMeanSquare = (x: Tensor): Tensor => x.square().sum().sqrt().div(Math.sqrt(x.count)); // prettier-ignore

/** One step of one parameter: inputs param, grad and its variance, or its rows and columns; scalars lr, step, beta2Decay, weightDecay, eps1, eps2, d. */
export const adafactorStepOp: Op<AdafactorAttrs> = defineOp<AdafactorAttrs>({
  name: 'adafactorStep',
  mutates: [0, 2, 3],
  infer: () => [],
  compose([param, grad, variance, columns], { maximize, factored }, [lr, step, beta2Decay, weightDecay, eps1, eps2, d]) {
    const g = maximize ? grad.neg() : grad;
    const weight = step ** beta2Decay;
    const alpha = rootMeanSquare(param)
      .clamp(eps2)
      .mul(Math.min(lr, 1 / Math.sqrt(step)));
    if (weightDecay !== 0) param.mul_(1 - lr * weightDecay);
    let estimate: Tensor;
    if (factored) {
      variance.lerp_(g.square().mean(-1, { keepdim: true }), weight);
      columns.lerp_(g.square().mean(-2, { keepdim: true }), weight);
      // The rank-one matrix with these row and column sums: rows [.., R, 1] · columns [.., 1, C] / mean of rows.
      estimate = variance.matmul(columns).div(variance.mean(-2, { keepdim: true }).clamp(eps1));
    } else estimate = variance.lerp_(g.square(), weight);
    const update = estimate
      .clamp(eps1 * eps1)
      .rsqrt()
      .mul(g);
    const clipped = rootMeanSquare(update).div(d).clamp(1);
    param.sub_(update.mul(alpha.div(clipped)));
    return [];
  },
});

const machineEpsilon = (dtype: DType): number => {
  if (dtype === 'float64') return 2 ** -52;
  if (dtype === 'float16') return 2 ** -10;
  return dtype === 'bfloat16' ? 2 ** -7 : 2 ** -23;
};

/** Adaptive steps with a second moment that takes the memory of a row and a column. @see Shazeer & Stern 2018 */
export class Adafactor extends Optimizer<AdafactorOptions> {
  constructor(params: ParamsArgument<AdafactorOptions>, options: Partial<AdafactorOptions> = {}) {
    super(params, { lr: 1e-2, beta2Decay: -0.8, eps: [null, 1e-3], d: 1, weightDecay: 0, maximize: false }, options);
  }

  protected override checkOptions({ lr, beta2Decay, eps, d, weightDecay }: AdafactorOptions): void {
    checkRange('Adafactor', 'lr', lr);
    checkRange('Adafactor', 'beta2Decay', beta2Decay, -Infinity, 0);
    if (!Array.isArray(eps) || eps.length !== 2)
      throw new ArgumentError({ op: 'Adafactor', expected: 'eps as a pair, such as [null, 1e-3]', received: describe(eps) });
    if (eps[0] !== null) checkRange('Adafactor', 'eps[0]', eps[0]);
    checkRange('Adafactor', 'eps[1]', eps[1]);
    checkRange('Adafactor', 'd', d, 1);
    checkRange('Adafactor', 'weightDecay', weightDecay);
  }

  protected override update(group: ParamGroup<AdafactorOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, beta2Decay, eps, d, weightDecay, maximize } = group;
    params.forEach((param, i) => {
      const { shape } = param;
      const factored = shape.length > 1;
      const zeros = (size: readonly number[]): Tensor => param.newZeros(size);
      const state = this.stateOf<Record<string, Tensor | number>>(param, () => ({
        step: 0,
        ...(factored
          ? { rowVar: zeros([...shape.slice(0, -1), 1]), colVar: zeros([...shape.slice(0, -2), 1, shape[shape.length - 1]]) }
          : { variance: zeros(shape) }),
      }));
      const step = Number(state.step) + 1;
      state.step = step;
      const moments = (factored ? [state.rowVar, state.colVar] : [state.variance]) as Tensor[];
      const scalars = [lr, step, beta2Decay, weightDecay, eps[0] ?? machineEpsilon(param.dtype), eps[1], d];
      dispatch(adafactorStepOp, [param, grads[i], ...moments], { maximize, factored }, scalars);
    });
  }
}
