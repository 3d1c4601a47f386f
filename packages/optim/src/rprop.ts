import { ArgumentError, defineOp, describe, dispatch, type Op, type Tensor } from '@flambeau/core';
import { checkRange, Optimizer, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of Rprop. */
export interface RpropOptions {
  /** The first step of every element. */
  lr: number;
  /** By what a step shrinks when the gradient changes its sign, and grows when it does not. */
  etas: readonly [number, number];
  /** The smallest and the largest step. */
  stepSizes: readonly [number, number];
  /** Climbs instead of descending. */
  maximize: boolean;
}

/** One step of one parameter: inputs param, grad, last gradient, step sizes; scalars η⁻, η⁺, smallest and largest step. */
export const rpropStepOp: Op<{ maximize: boolean }> = defineOp<{ maximize: boolean }>({
  name: 'rpropStep',
  mutates: [0, 2, 3],
  infer: () => [],
  compose([param, grad, previous, sizes], { maximize }, [etaMinus, etaPlus, smallest, largest]) {
    const g = maximize ? grad.neg() : grad;
    const agreement = g.mul(previous);
    const turned = agreement.lt(0);
    const number = (value: number): Tensor => g.newFull([], value);
    const factor = agreement.gt(0).where(number(etaPlus), turned.where(number(etaMinus), number(1)));
    sizes.copy_(sizes.mul(factor).clamp(smallest, largest));
    // Where the gradient changed its sign, a minimum was jumped over: stay, and start anew.
    const effective = g.maskedFill(turned, 0);
    param.sub_(effective.sign().mul(sizes));
    previous.copy_(effective);
    return [];
  },
});

/** Steps by the sign of the gradient alone, each element with a step size of its own; for full batches. @see Riedmiller & Braun 1993 */
export class Rprop extends Optimizer<RpropOptions> {
  constructor(params: ParamsArgument<RpropOptions>, options: Partial<RpropOptions> = {}) {
    super(params, { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false }, options);
  }

  protected override checkOptions({ lr, etas, stepSizes }: RpropOptions): void {
    checkRange('Rprop', 'lr', lr);
    if (!Array.isArray(etas) || etas.length !== 2 || !(etas[0] > 0 && etas[0] < 1 && etas[1] > 1))
      throw new ArgumentError({ op: 'Rprop', expected: 'etas with 0 < etas[0] < 1 < etas[1]', received: describe(etas) });
    if (!Array.isArray(stepSizes) || stepSizes.length !== 2 || !(stepSizes[0] >= 0 && stepSizes[0] <= stepSizes[1]))
      throw new ArgumentError({ op: 'Rprop', expected: 'stepSizes with 0 ≤ smallest ≤ largest', received: describe(stepSizes) });
  }

  protected override update(group: ParamGroup<RpropOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, etas, stepSizes, maximize } = group;
    params.forEach((param, i) => {
      const state = this.stateOf(param, () => ({
        step: 0,
        prev: param.newZeros(param.shape),
        stepSize: param.newFull(param.shape, lr),
      }));
      state.step++;
      dispatch(rpropStepOp, [param, grads[i], state.prev, state.stepSize], { maximize }, [...etas, ...stepSizes]);
    });
  }
}
