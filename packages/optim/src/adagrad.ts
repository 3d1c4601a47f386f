import { defineOp, dispatch, type Op, type Tensor } from '@flambeau/core';
import { descentGradient } from './gradient.ts';
import { checkRange, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of Adagrad. */
export interface AdagradOptions {
  /** Learning rate. */
  lr: number;
  /** Divides the learning rate of step t by 1 + (t - 1)·lrDecay. */
  lrDecay: number;
  /** This times the parameter is added to its gradient (an L2 penalty); 0 by default. */
  weightDecay: number;
  /** What the sum of squares starts with. */
  initialAccumulatorValue: number;
  /** Added to the root of the sum that is divided by; 1e-10 by default. */
  eps: number;
  /** Climbs instead of descending. */
  maximize: boolean;
}

/** One step of one parameter: inputs param, grad, sum of squares; scalars rate, eps, weightDecay. */
export const adagradStepOp: Op<{ maximize: boolean }> = defineOp<{ maximize: boolean }>({
  name: 'adagradStep',
  mutates: [0, 2],
  infer: () => [],
  compose([param, grad, sum], { maximize }, [rate, eps, weightDecay]) {
    const g = descentGradient(param, grad, maximize, weightDecay);
    sum.add_(g.mul(g));
    param.addcdiv_(g, sum.sqrt().add(eps), { value: -rate });
    return [];
  },
});

/** Steps that shrink with the sum of all squared gradients. @see Duchi, Hazan & Singer 2011 */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: ParamsArgument<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(params, { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false }, options);
  }

  protected override checkOptions({ lr, lrDecay, weightDecay, initialAccumulatorValue, eps }: AdagradOptions): void {
    checkRange('Adagrad', 'lr', lr);
    checkRange('Adagrad', 'lrDecay', lrDecay);
    checkRange('Adagrad', 'weightDecay', weightDecay);
    checkRange('Adagrad', 'initialAccumulatorValue', initialAccumulatorValue);
    checkRange('Adagrad', 'eps', eps);
  }

  protected override update(group: ParamGroup<AdagradOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize } = group;
    params.forEach((param, i) => {
      const state = this.stateOf(param, () => ({ step: 0, sum: param.newFull(param.shape, initialAccumulatorValue) }));
      state.step++;
      const rate = lr / (1 + (state.step - 1) * lrDecay);
      dispatch(adagradStepOp, [param, grads[i], state.sum], { maximize }, [rate, eps, weightDecay]);
    });
  }
}
