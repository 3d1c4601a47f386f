import { defineOp, dispatch, type Op, type Tensor } from '@flambeau/core';
import { descentGradient } from './gradient.ts';
import { checkRange, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of averaged SGD. */
export interface ASGDOptions {
  /** Learning rate of the first step. */
  lr: number;
  /** The decay term λ. */
  lambd: number;
  /** The power of the decay of the step size η = lr / (1 + λ·lr·t)^alpha. */
  alpha: number;
  /** The step after which averaging starts. */
  t0: number;
  /** This times the parameter is added to its gradient (an L2 penalty); 0 by default. */
  weightDecay: number;
  /** Climbs instead of descending. */
  maximize: boolean;
}

/** One step of one parameter: inputs param, grad, average; scalars λ, η, μ, weightDecay. */
export const asgdStepOp: Op<{ maximize: boolean }> = defineOp<{ maximize: boolean }>({
  name: 'asgdStep',
  mutates: [0, 2],
  infer: () => [],
  compose([param, grad, average], { maximize }, [lambd, eta, mu, weightDecay]) {
    const g = descentGradient(param, grad, maximize, weightDecay);
    param.mul_(1 - lambd * eta);
    param.add_(g, { alpha: -eta });
    if (mu === 1) average.copy_(param);
    else average.add_(param.sub(average), { alpha: mu });
    return [];
  },
});

/** SGD that keeps an average of its parameters, in the state as `ax`. @see Polyak & Juditsky 1992 */
export class ASGD extends Optimizer<ASGDOptions> {
  constructor(params: ParamsArgument<ASGDOptions>, options: Partial<ASGDOptions> = {}) {
    super(params, { lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0, maximize: false }, options);
  }

  protected override checkOptions({ lr, lambd, alpha, t0, weightDecay }: ASGDOptions): void {
    checkRange('ASGD', 'lr', lr);
    checkRange('ASGD', 'lambd', lambd);
    checkRange('ASGD', 'alpha', alpha);
    checkRange('ASGD', 't0', t0);
    checkRange('ASGD', 'weightDecay', weightDecay);
  }

  protected override scalarFields(): readonly string[] {
    return ['step', 'eta', 'mu'];
  }

  protected override update(group: ParamGroup<ASGDOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, lambd, alpha, t0, weightDecay, maximize } = group;
    params.forEach((param, i) => {
      const state = this.stateOf(param, () => ({ step: 0, eta: lr, mu: 1, ax: param.newZeros(param.shape) }));
      state.step++;
      dispatch(asgdStepOp, [param, grads[i], state.ax], { maximize }, [lambd, state.eta, state.mu, weightDecay]);
      state.eta = lr / (1 + lambd * lr * state.step) ** alpha;
      state.mu = 1 / Math.max(1, state.step - t0);
    });
  }
}
