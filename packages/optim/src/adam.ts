import { defineOp, dispatch, keep, type Op, type Tensor } from '@flambeau/core';
import { checkBetas, checkRange, Optimizer, placesOf, type ParamGroup, type ParamsArgument, type StateValue } from './optimizer.ts';

/** Options of Adam and AdamW. */
export interface AdamOptions {
  /** Learning rate. */
  lr: number;
  /** Decay rates of the first and second moment. */
  betas: readonly [number, number];
  /** Added to the root of the second moment that is divided by; 1e-8 by default. */
  eps: number;
  /** Adam adds this times the parameter to its gradient, 0 by default; AdamW shrinks the parameter itself, 0.01 by default. */
  weightDecay: number;
  /** Divides by the largest second moment seen. @see Reddi et al. 2018 */
  amsgrad: boolean;
  /** Climbs instead of descending. */
  maximize: boolean;
}

interface AdamAttrs {
  readonly amsgrad: boolean;
  readonly maximize: boolean;
  /** Shrinks the parameter itself instead of adding to the gradient: AdamW. */
  readonly decoupled: boolean;
}

/** One step of one parameter: inputs param, grad, first and second moment, and the largest second moment with amsgrad; scalars lr, β1, β2, eps, weightDecay, step. */
export const adamStepOp: Op<AdamAttrs> = defineOp<AdamAttrs>({
  name: 'adamStep',
  mutates: [0, 2, 3, 4],
  infer: () => [],
  compose([param, grad, m, v, vMax], { amsgrad, maximize, decoupled }, [lr, beta1, beta2, eps, weightDecay, step]) {
    let g = maximize ? grad.neg() : grad;
    if (weightDecay !== 0) {
      if (decoupled) param.mul_(1 - lr * weightDecay);
      else g = g.add(param, { alpha: weightDecay });
    }
    m.mul_(beta1).add_(g, { alpha: 1 - beta1 });
    v.mul_(beta2).add_(g.mul(g), { alpha: 1 - beta2 });
    if (amsgrad) vMax.copy_(vMax.maximum(v));
    const denominator = (amsgrad ? vMax : v).sqrt().div(Math.sqrt(1 - beta2 ** step)).add(eps); // prettier-ignore
    param.add_(m.div(denominator), { alpha: -lr / (1 - beta1 ** step) });
    return [];
  },
});

/** Parameters that one call updates at most. */
const groupSize = 64;

/**
 * A step of several parameters at once, each with its number of steps: inputs for each parameter as those of `adamStep`, five of them (without
 * amsgrad the last is not looked at); scalars lr, β1, β2, eps, weightDecay, then the step of each parameter.
 */
export const adamStepsOp: Op<AdamAttrs> = defineOp<AdamAttrs>({
  name: 'adamSteps',
  mutates: placesOf(5, groupSize, [1]),
  infer: () => [],
  compose(inputs, attrs, scalars) {
    const common = scalars.slice(0, 5);
    for (let i = 0; 5 * i < inputs.length; i++)
      dispatch(adamStepOp, inputs.slice(5 * i, 5 * i + (attrs.amsgrad ? 5 : 4)), attrs, [...common, scalars[5 + i]]);
    return [];
  },
});

abstract class AdamFamily extends Optimizer<AdamOptions> {
  protected abstract readonly decoupled: boolean;

  protected override checkOptions({ lr, betas, eps, weightDecay }: AdamOptions): void {
    const name = this.constructor.name;
    checkRange(name, 'lr', lr);
    checkRange(name, 'eps', eps);
    checkRange(name, 'weightDecay', weightDecay);
    checkBetas(name, betas);
  }

  protected override update(group: ParamGroup<AdamOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, betas, eps, weightDecay, amsgrad, maximize } = group;
    const attrs = { amsgrad, maximize, decoupled: this.decoupled };
    for (let from = 0; from < params.length; from += groupSize) {
      const inputs: Tensor[] = [];
      const scalars = [lr, betas[0], betas[1], eps, weightDecay];
      for (let i = from; i < params.length && i < from + groupSize; i++) {
        const state = this.momentsOf(params[i], amsgrad);
        state.step = Number(state.step) + 1;
        inputs.push(params[i], grads[i], state.expAvg, state.expAvgSq, amsgrad && state.maxExpAvgSq ? state.maxExpAvgSq : state.expAvgSq);
        scalars.push(state.step);
      }
      dispatch(adamStepsOp, inputs, attrs, scalars);
    }
  }

  private momentsOf(param: Tensor, amsgrad: boolean): Moments {
    const zeros = (): Tensor => keep(param.newZeros(param.shape));
    let state = this.state.get(param) as Moments | undefined;
    if (state === undefined) {
      state = { step: 0, expAvg: zeros(), expAvgSq: zeros() };
      this.state.set(param, state as unknown as Record<string, StateValue>);
    }
    // amsgrad may be switched on after the first step.
    if (amsgrad) state.maxExpAvgSq ??= zeros();
    return state;
  }
}

/** What Adam remembers of a parameter. */
interface Moments {
  step: number;
  expAvg: Tensor;
  expAvgSq: Tensor;
  maxExpAvgSq?: Tensor;
}

/** Adam: steps scaled by running estimates of the gradient's mean and square. @see Kingma & Ba 2015, algorithm 1 */
export class Adam extends AdamFamily {
  protected override readonly decoupled = false;

  constructor(params: ParamsArgument<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false }, options);
  }
}

/** Adam with weight decay apart from the gradient. @see Loshchilov & Hutter 2019 */
export class AdamW extends AdamFamily {
  protected override readonly decoupled = true;

  constructor(params: ParamsArgument<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 1e-2, amsgrad: false, maximize: false }, options);
  }
}
