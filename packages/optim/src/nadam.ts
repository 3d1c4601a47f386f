import { defineOp, dispatch, type Op, type Tensor } from '@flambeau/core';
import { descentGradient, updateMean, updateMeanSquare } from './gradient.ts';
import { checkBetas, checkRange, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of NAdam. */
export interface NAdamOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rates of the first and second moment. */
  betas: readonly [number, number];
  /** Added to the root of the second moment that is divided by; 1e-8 by default. */
  eps: number;
  /** This times the parameter is added to its gradient, or see `decoupledWeightDecay`; 0 by default. */
  weightDecay: number;
  /** How fast the momentum μ of step t comes to β1: μ = β1·(1 - 0.96^(t·momentumDecay)/2). */
  momentumDecay: number;
  /** Shrinks the parameter itself instead of adding to the gradient. */
  decoupledWeightDecay: boolean;
  /** Climbs instead of descending. */
  maximize: boolean;
}

interface NAdamAttrs {
  readonly maximize: boolean;
  readonly decoupled: boolean;
}

/** One step of one parameter: inputs param, grad, first and second moment; scalars lr, β1, β2, eps, weightDecay, step, μ, next μ, product of all μ. */
export const nadamStepOp: Op<NAdamAttrs> = defineOp<NAdamAttrs>({
  name: 'nadamStep',
  mutates: [0, 2, 3],
  infer: () => [],
  compose([param, grad, m, v], { maximize, decoupled }, [lr, beta1, beta2, eps, weightDecay, step, mu, muNext, muProduct]) {
    if (decoupled && weightDecay !== 0) param.mul_(1 - lr * weightDecay);
    const g = descentGradient(param, grad, maximize, decoupled ? 0 : weightDecay);
    updateMean(m, g, beta1);
    updateMeanSquare(v, g, beta2);
    const denominator = v.div(1 - beta2 ** step).sqrt().add(eps); // prettier-ignore
    param.addcdiv_(g, denominator, { value: (-lr * (1 - mu)) / (1 - muProduct) });
    param.addcdiv_(m, denominator, { value: (-lr * muNext) / (1 - muProduct * muNext) });
    return [];
  },
});

/** Adam with Nesterov's momentum. @see Dozat 2016, Incorporating Nesterov momentum into Adam */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: ParamsArgument<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    const defaults = { lr: 2e-3, betas: [0.9, 0.999] as const, eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3 };
    super(params, { ...defaults, decoupledWeightDecay: false, maximize: false }, options);
  }

  protected override checkOptions({ lr, betas, eps, weightDecay, momentumDecay }: NAdamOptions): void {
    checkRange('NAdam', 'lr', lr);
    checkRange('NAdam', 'eps', eps);
    checkBetas('NAdam', betas);
    checkRange('NAdam', 'weightDecay', weightDecay);
    checkRange('NAdam', 'momentumDecay', momentumDecay);
  }

  protected override scalarFields(): readonly string[] {
    return ['step', 'muProduct'];
  }

  protected override update(group: ParamGroup<NAdamOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, betas, eps, weightDecay, momentumDecay, decoupledWeightDecay: decoupled, maximize } = group;
    const momentumAt = (step: number): number => betas[0] * (1 - 0.5 * 0.96 ** (step * momentumDecay));
    params.forEach((param, i) => {
      const zeros = (): Tensor => param.newZeros(param.shape);
      const state = this.stateOf(param, () => ({ step: 0, muProduct: 1, expAvg: zeros(), expAvgSq: zeros() }));
      state.step++;
      const mu = momentumAt(state.step);
      state.muProduct *= mu;
      const scalars = [lr, ...betas, eps, weightDecay, state.step, mu, momentumAt(state.step + 1), state.muProduct];
      dispatch(nadamStepOp, [param, grads[i], state.expAvg, state.expAvgSq], { maximize, decoupled }, scalars);
    });
  }
}
