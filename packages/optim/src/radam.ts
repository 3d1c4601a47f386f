import { defineOp, dispatch, type Op, type Tensor } from '@flambeau/core';
import { descentGradient, updateMean, updateMeanSquare } from './gradient.ts';
import { checkBetas, checkRange, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of RAdam. */
export interface RAdamOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rates of the first and second moment. */
  betas: readonly [number, number];
  /** Added to the root of the second moment that is divided by; 1e-8 by default. */
  eps: number;
  /** This times the parameter is added to its gradient, or see `decoupledWeightDecay`; 0 by default. */
  weightDecay: number;
  /** Shrinks the parameter itself instead of adding to the gradient. */
  decoupledWeightDecay: boolean;
  /** Climbs instead of descending. */
  maximize: boolean;
}

interface RAdamAttrs {
  readonly maximize: boolean;
  readonly decoupled: boolean;
}

/** One step of one parameter: inputs param, grad, first and second moment; scalars lr, β1, β2, eps, weightDecay, step. */
export const radamStepOp: Op<RAdamAttrs> = defineOp<RAdamAttrs>({
  name: 'radamStep',
  mutates: [0, 2, 3],
  infer: () => [],
  compose([param, grad, m, v], { maximize, decoupled }, [lr, beta1, beta2, eps, weightDecay, step]) {
    if (decoupled && weightDecay !== 0) param.mul_(1 - lr * weightDecay);
    const g = descentGradient(param, grad, maximize, decoupled ? 0 : weightDecay);
    updateMean(m, g, beta1);
    updateMeanSquare(v, g, beta2);
    const [correction1, correction2] = [1 - beta1 ** step, 1 - beta2 ** step];
    // ρ is the length of the approximated simple moving average; the variance is tractable above 5.
    const rhoInf = 2 / (1 - beta2) - 1;
    const rho = rhoInf - (2 * step * beta2 ** step) / correction2;
    if (rho > 5) {
      const rectification = Math.sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho));
      param.addcdiv_(m, v.sqrt().add(eps), { value: (-lr * rectification * Math.sqrt(correction2)) / correction1 });
    } else param.add_(m, { alpha: -lr / correction1 });
    return [];
  },
});

/** Adam that waits for its variance to be known. @see Liu et al. 2020, On the variance of the adaptive learning rate and beyond */
export class RAdam extends Optimizer<RAdamOptions> {
  constructor(params: ParamsArgument<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    const defaults = { lr: 1e-3, betas: [0.9, 0.999] as const, eps: 1e-8, weightDecay: 0 };
    super(params, { ...defaults, decoupledWeightDecay: false, maximize: false }, options);
  }

  protected override checkOptions({ lr, betas, eps, weightDecay }: RAdamOptions): void {
    checkRange('RAdam', 'lr', lr);
    checkRange('RAdam', 'eps', eps);
    checkBetas('RAdam', betas);
    checkRange('RAdam', 'weightDecay', weightDecay);
  }

  protected override update(group: ParamGroup<RAdamOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, betas, eps, weightDecay, decoupledWeightDecay: decoupled, maximize } = group;
    params.forEach((param, i) => {
      const zeros = (): Tensor => param.newZeros(param.shape);
      const state = this.stateOf(param, () => ({ step: 0, expAvg: zeros(), expAvgSq: zeros() }));
      state.step++;
      const inputs = [param, grads[i], state.expAvg, state.expAvgSq];
      dispatch(radamStepOp, inputs, { maximize, decoupled }, [lr, ...betas, eps, weightDecay, state.step]);
    });
  }
}
