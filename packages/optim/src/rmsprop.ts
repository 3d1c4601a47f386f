import { defineOp, dispatch, keep, type Op, type Tensor } from '@flambeau/core';
import { descentGradient, updateMean, updateMeanSquare } from './gradient.ts';
import { checkRange, Optimizer, type ParamGroup, type ParamsArgument, type StateValue } from './optimizer.ts';

/** Options of RMSprop. */
export interface RMSpropOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rate of the running mean square. */
  alpha: number;
  /** Added to the root that is divided by; 1e-8 by default. */
  eps: number;
  /** This times the parameter is added to its gradient (an L2 penalty); 0 by default. */
  weightDecay: number;
  /** How much of the last step the next one keeps; 0 by default, which keeps no buffer. */
  momentum: number;
  /** Divides by the standard deviation of the gradient, not by its root mean square. */
  centered: boolean;
  /** Climbs instead of descending. */
  maximize: boolean;
}

interface RMSpropAttrs {
  readonly centered: boolean;
  readonly momentum: boolean;
  readonly maximize: boolean;
}

/** One step of one parameter: inputs param, grad, mean square, mean when centered, buffer with momentum; scalars lr, alpha, eps, weightDecay, momentum. */
export const rmspropStepOp: Op<RMSpropAttrs> = defineOp<RMSpropAttrs>({
  name: 'rmspropStep',
  mutates: [0, 2, 3, 4],
  infer: () => [],
  compose([param, grad, squares, ...rest], attrs, [lr, alpha, eps, weightDecay, momentum]) {
    const g = descentGradient(param, grad, attrs.maximize, weightDecay);
    updateMeanSquare(squares, g, alpha);
    let variance = squares;
    if (attrs.centered) {
      const mean = updateMean(rest[0], g, alpha);
      variance = squares.sub(mean.mul(mean));
    }
    const scale = variance.sqrt().add(eps);
    if (attrs.momentum) {
      const buffer = rest[rest.length - 1];
      buffer.mul_(momentum).addcdiv_(g, scale);
      param.add_(buffer, { alpha: -lr });
    } else param.addcdiv_(g, scale, { value: -lr });
    return [];
  },
});

/** Gradients divided by their running root mean square. @see Hinton 2012, lecture 6e; Graves 2013 for the centered variant */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: ParamsArgument<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(params, { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false }, options);
  }

  protected override checkOptions({ lr, alpha, eps, weightDecay, momentum }: RMSpropOptions): void {
    checkRange('RMSprop', 'lr', lr);
    checkRange('RMSprop', 'alpha', alpha);
    checkRange('RMSprop', 'eps', eps);
    checkRange('RMSprop', 'weightDecay', weightDecay);
    checkRange('RMSprop', 'momentum', momentum);
  }

  protected override update(group: ParamGroup<RMSpropOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group;
    params.forEach((param, i) => {
      const zeros = (): Tensor => keep(param.newZeros(param.shape));
      const state = this.stateOf<Record<string, StateValue>>(param, () => ({ step: 0, squareAvg: zeros() }));
      state.step = Number(state.step) + 1;
      if (momentum > 0) state.momentumBuffer ??= zeros();
      if (centered) state.gradAvg ??= zeros();
      const averages = [state.squareAvg, ...(centered ? [state.gradAvg] : []), ...(momentum > 0 ? [state.momentumBuffer] : [])];
      const attrs = { centered, maximize, momentum: momentum > 0 };
      dispatch(rmspropStepOp, [param, grads[i], ...(averages as Tensor[])], attrs, [lr, alpha, eps, weightDecay, momentum]);
    });
  }
}
