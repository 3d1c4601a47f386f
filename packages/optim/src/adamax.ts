import { defineOp, dispatch, type Op, type Tensor } from '@flambeau/core';
import { descentGradient, updateMean } from './gradient.ts';
import { checkBetas, checkRange, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of Adamax. */
export interface AdamaxOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rates of the mean and of the largest gradient. */
  betas: readonly [number, number];
  /** Added to the size of a gradient before it is compared and divided by; 1e-8 by default. */
  eps: number;
  /** This times the parameter is added to its gradient (an L2 penalty); 0 by default. */
  weightDecay: number;
  /** Climbs instead of descending. */
  maximize: boolean;
}

/** One step of one parameter: inputs param, grad, first moment, infinity norm; scalars lr, β1, β2, eps, weightDecay, step. */
export const adamaxStepOp: Op<{ maximize: boolean }> = defineOp<{ maximize: boolean }>({
  name: 'adamaxStep',
  mutates: [0, 2, 3],
  infer: () => [],
  compose([param, grad, m, norm], { maximize }, [lr, beta1, beta2, eps, weightDecay, step]) {
    const g = descentGradient(param, grad, maximize, weightDecay);
    updateMean(m, g, beta1);
    norm.copy_(norm.mul(beta2).maximum(g.abs().add(eps)));
    param.addcdiv_(m, norm, { value: -lr / (1 - beta1 ** step) });
    return [];
  },
});

/** Adam with the infinity norm in place of the second moment. @see Kingma & Ba 2015, algorithm 2 */
export class Adamax extends Optimizer<AdamaxOptions> {
  constructor(params: ParamsArgument<AdamaxOptions>, options: Partial<AdamaxOptions> = {}) {
    super(params, { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false }, options);
  }

  protected override checkOptions({ lr, betas, eps, weightDecay }: AdamaxOptions): void {
    checkRange('Adamax', 'lr', lr);
    checkRange('Adamax', 'eps', eps);
    checkBetas('Adamax', betas);
    checkRange('Adamax', 'weightDecay', weightDecay);
  }

  protected override update(group: ParamGroup<AdamaxOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, betas, eps, weightDecay, maximize } = group;
    params.forEach((param, i) => {
      const zeros = (): Tensor => param.newZeros(param.shape);
      const state = this.stateOf(param, () => ({ step: 0, expAvg: zeros(), expInf: zeros() }));
      state.step++;
      dispatch(adamaxStepOp, [param, grads[i], state.expAvg, state.expInf], { maximize }, [lr, ...betas, eps, weightDecay, state.step]);
    });
  }
}
