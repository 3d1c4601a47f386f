import { defineOp, dispatch, type Op, type Tensor } from '@flambeau/core';
import { descentGradient, updateMeanSquare } from './gradient.ts';
import { checkRange, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of Adadelta. */
export interface AdadeltaOptions {
  /** A factor on the steps, which have the units of the parameter by themselves. */
  lr: number;
  /** Decay rate of both running averages. */
  rho: number;
  /** Added to both averages before their roots are taken; 1e-6 by default. */
  eps: number;
  /** This times the parameter is added to its gradient (an L2 penalty); 0 by default. */
  weightDecay: number;
  /** Climbs instead of descending. */
  maximize: boolean;
}

/** One step of one parameter: inputs param, grad, mean squared gradient, mean squared step; scalars lr, rho, eps, weightDecay. */
export const adadeltaStepOp: Op<{ maximize: boolean }> = defineOp<{ maximize: boolean }>({
  name: 'adadeltaStep',
  mutates: [0, 2, 3],
  infer: () => [],
  compose([param, grad, squares, steps], { maximize }, [lr, rho, eps, weightDecay]) {
    const g = descentGradient(param, grad, maximize, weightDecay);
    updateMeanSquare(squares, g, rho);
    const delta = steps.add(eps).sqrt().div(squares.add(eps).sqrt()).mul(g); // prettier-ignore
    updateMeanSquare(steps, delta, rho);
    param.add_(delta, { alpha: -lr });
    return [];
  },
});

/** Steps in the proportion of the running sizes of steps and gradients. @see Zeiler 2012, ADADELTA */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: ParamsArgument<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(params, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false }, options);
  }

  protected override checkOptions({ lr, rho, eps, weightDecay }: AdadeltaOptions): void {
    checkRange('Adadelta', 'lr', lr);
    checkRange('Adadelta', 'rho', rho, 0, 1);
    checkRange('Adadelta', 'eps', eps);
    checkRange('Adadelta', 'weightDecay', weightDecay);
  }

  protected override update(group: ParamGroup<AdadeltaOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, rho, eps, weightDecay, maximize } = group;
    params.forEach((param, i) => {
      const zeros = (): Tensor => param.newZeros(param.shape);
      const state = this.stateOf(param, () => ({ step: 0, squareAvg: zeros(), accDelta: zeros() }));
      state.step++;
      dispatch(adadeltaStepOp, [param, grads[i], state.squareAvg, state.accDelta], { maximize }, [lr, rho, eps, weightDecay]);
    });
  }
}
