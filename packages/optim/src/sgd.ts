import { ArgumentError, defineOp, dispatch, keep, type Op, type Tensor } from '@flambeau/core';
import { checkRange, Optimizer, placesOf, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of stochastic gradient descent. */
export interface SGDOptions {
  /** Learning rate. */
  lr: number;
  /** How much of the running update the next one keeps; 0 by default, which keeps no buffer. */
  momentum: number;
  /** The share of a gradient that does not enter the momentum; 0 by default. */
  dampening: number;
  /** This times the parameter is added to its gradient (an L2 penalty); 0 by default. */
  weightDecay: number;
  /** Steps as from where the momentum leads; needs a momentum and no dampening. False by default. */
  nesterov: boolean;
  /** Climbs instead of descending. */
  maximize: boolean;
}

interface SGDAttrs {
  readonly nesterov: boolean;
  readonly maximize: boolean;
  readonly momentum: boolean;
  /** True in the first step of a parameter, whose momentum starts as its gradient. */
  readonly first: boolean;
}

/** One step of one parameter: inputs param, grad and, with momentum, its buffer; scalars lr, momentum, dampening, weightDecay. */
export const sgdStepOp: Op<SGDAttrs> = defineOp<SGDAttrs>({
  name: 'sgdStep',
  mutates: [0, 2],
  infer: () => [],
  compose([param, grad, buffer], attrs, [lr, momentum, dampening, weightDecay]) {
    let d = attrs.maximize ? grad.neg() : grad;
    if (weightDecay !== 0) d = d.add(param, { alpha: weightDecay });
    if (attrs.momentum) {
      if (attrs.first) buffer.copy_(d);
      else buffer.mul_(momentum).add_(d, { alpha: 1 - dampening });
      d = attrs.nesterov ? d.add(buffer, { alpha: momentum }) : buffer;
    }
    param.add_(d, { alpha: -lr });
    return [];
  },
});

/** Parameters that one call updates at most. */
const groupSize = 64;

/**
 * A step of several parameters at once: inputs for each parameter as those of `sgdStep`, three of them (without momentum the last is not looked
 * at); scalars as there.
 */
export const sgdStepsOp: Op<SGDAttrs> = defineOp<SGDAttrs>({
  name: 'sgdSteps',
  mutates: placesOf(3, groupSize, [1]),
  infer: () => [],
  compose(inputs, attrs, scalars) {
    for (let i = 0; i < inputs.length; i += 3) dispatch(sgdStepOp, inputs.slice(i, i + (attrs.momentum ? 3 : 2)), attrs, scalars);
    return [];
  },
});

/**
 * Stochastic gradient descent, with momentum and Nesterov's variant.
 * @see Sutskever et al. 2013; the update is PyTorch's, v ← μ·v + g, p ← p - lr·v
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: ParamsArgument<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super(params, { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false }, options);
  }

  protected override checkOptions({ lr, momentum, weightDecay, nesterov, dampening }: SGDOptions): void {
    checkRange('SGD', 'lr', lr);
    checkRange('SGD', 'momentum', momentum);
    checkRange('SGD', 'weightDecay', weightDecay);
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw new ArgumentError({
        op: 'SGD',
        expected: 'a momentum and no dampening with nesterov',
        received: `momentum ${momentum}, dampening ${dampening}`,
      });
    }
  }

  protected override update(group: ParamGroup<SGDOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = group;
    const scalars = [lr, momentum, dampening, weightDecay];
    const [begun, fresh]: [Tensor[], Tensor[]] = [[], []];
    for (let i = 0; i < params.length; i++) {
      const param = params[i];
      if (momentum === 0) {
        begun.push(param, grads[i], param);
        continue;
      }
      const buffer = this.state.get(param)?.momentumBuffer as Tensor | undefined;
      if (buffer !== undefined) begun.push(param, grads[i], buffer);
      else {
        const momentumBuffer = keep(param.newZeros(param.shape));
        this.state.set(param, { momentumBuffer });
        fresh.push(param, grads[i], momentumBuffer);
      }
    }
    for (const inputs of [begun, fresh]) {
      const attrs = { nesterov, maximize, momentum: momentum !== 0, first: inputs === fresh };
      for (let from = 0; from < inputs.length; from += 3 * groupSize)
        dispatch(sgdStepsOp, inputs.length <= 3 * groupSize ? inputs : inputs.slice(from, from + 3 * groupSize), attrs, scalars);
    }
  }
}
