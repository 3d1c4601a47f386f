import { ArgumentError, defineOp, describe, dispatch, ShapeError, showShape, type Op, type Tensor } from '@flambeau/core';
import { checkRange, Optimizer, type GroupArgument, type ParamGroup, type ParamsArgument } from './optimizer.ts';

/** Options of Muon. */
export interface MuonOptions {
  /** Learning rate. */
  lr: number;
  /** Shrinks the parameter itself. */
  weightDecay: number;
  /** How much of the running update the next one keeps, from 0 to 1; 0.95 by default. */
  momentum: number;
  /** Steps as from where the momentum leads; true by default. */
  nesterov: boolean;
  /** Coefficients of the polynomial a·x + b·x³ + c·x⁵ that drives singular values towards 1. */
  nsCoefficients: readonly [number, number, number];
  /** The least norm that an update is divided by; 1e-7 by default. */
  eps: number;
  /** How often the polynomial is applied. */
  nsSteps: number;
  /** `original` (and null) scales by √max(1, rows/columns); `match_rms_adamw` by 0.2·√max(rows, columns). */
  adjustLrFn: 'original' | 'match_rms_adamw' | null;
}

interface MuonAttrs {
  readonly nesterov: boolean;
  readonly nsSteps: number;
}

// The iteration runs in bfloat16, as the method is published: products are summed in float32 and rounded once. A device that cannot store
// bfloat16 keeps float32.
const rounded = (x: Tensor): Tensor => (x.device.supports('bfloat16') ? x.to('bfloat16').to('float32') : x.to('float32'));

/** The nearest matrix with singular values near 1, by Newton-Schulz iterations. */
function orthogonalized(update: Tensor, [a, b, c]: readonly number[], steps: number, eps: number): Tensor {
  const tall = update.shape[0] > update.shape[1];
  let x = rounded(tall ? update.t() : update);
  // Singular values must start at or below 1, which the Frobenius norm ensures.
  x = rounded(x.div(rounded(x.square().sum().sqrt()).clamp(eps))); // prettier-ignore
  for (let i = 0; i < steps; i++) {
    const gram = rounded(x.matmul(x.t()));
    const polynomial = rounded(gram.mul(b).add(gram.matmul(gram), { alpha: c }));
    x = rounded(x.mul(a).add(polynomial.matmul(x)));
  }
  return tall ? x.t() : x;
}

/** One step of one matrix: inputs param, grad, momentum; scalars lr, adjusted lr, weightDecay, momentum, eps, and the three coefficients. */
export const muonStepOp: Op<MuonAttrs> = defineOp<MuonAttrs>({
  name: 'muonStep',
  mutates: [0, 2],
  infer: () => [],
  compose([param, grad, buffer], { nesterov, nsSteps }, [lr, adjusted, weightDecay, momentum, eps, ...coefficients]) {
    buffer.lerp_(grad, 1 - momentum);
    const update = orthogonalized(nesterov ? grad.lerp(buffer, momentum) : buffer, coefficients, nsSteps, eps);
    param.mul_(1 - lr * weightDecay);
    param.add_(update.to(param.dtype), { alpha: -adjusted });
    return [];
  },
});

/** Momentum made orthogonal, for the matrices of hidden layers; give biases and embeddings to AdamW. @see Jordan et al. 2024, Muon */
export class Muon extends Optimizer<MuonOptions> {
  constructor(params: ParamsArgument<MuonOptions>, options: Partial<MuonOptions> = {}) {
    const defaults = { lr: 1e-3, weightDecay: 0.1, momentum: 0.95, nesterov: true, eps: 1e-7, nsSteps: 5, adjustLrFn: null };
    super(params, { ...defaults, nsCoefficients: [3.4445, -4.775, 2.0315] }, options);
  }

  override addParamGroup(group: GroupArgument<MuonOptions>): void {
    super.addParamGroup(group);
    const odd = this.paramGroups[this.paramGroups.length - 1].params.find((param) => param.ndim !== 2);
    if (odd === undefined) return;
    this.paramGroups.pop();
    throw new ShapeError({
      op: 'Muon',
      expected: 'matrices as parameters',
      received: showShape(odd.shape),
      hint: 'Give biases, convolutions and embeddings to AdamW.',
    });
  }

  protected override checkOptions({ lr, weightDecay, momentum, nsCoefficients, eps, nsSteps, adjustLrFn }: MuonOptions): void {
    checkRange('Muon', 'lr', lr);
    checkRange('Muon', 'weightDecay', weightDecay);
    checkRange('Muon', 'momentum', momentum);
    checkRange('Muon', 'eps', eps);
    if (!Array.isArray(nsCoefficients) || nsCoefficients.length !== 3 || !nsCoefficients.every((c) => typeof c === 'number'))
      throw new ArgumentError({ op: 'Muon', expected: 'three nsCoefficients', received: describe(nsCoefficients) });
    if (!Number.isInteger(nsSteps) || nsSteps < 0 || nsSteps >= 100)
      throw new ArgumentError({ op: 'Muon', expected: 'nsSteps between 0 and 99', received: describe(nsSteps) });
    if (adjustLrFn !== null && adjustLrFn !== 'original' && adjustLrFn !== 'match_rms_adamw')
      throw new ArgumentError({ op: 'Muon', expected: 'adjustLrFn original or match_rms_adamw', received: describe(adjustLrFn) });
  }

  protected override update(group: ParamGroup<MuonOptions>, params: Tensor[], grads: Tensor[]): void {
    const { lr, weightDecay, momentum, nesterov, nsCoefficients, eps, nsSteps, adjustLrFn } = group;
    params.forEach((param, i) => {
      const [rows, columns] = param.shape;
      const { momentumBuffer } = this.stateOf(param, () => ({ momentumBuffer: param.newZeros(param.shape) }));
      const ratio = adjustLrFn === 'match_rms_adamw' ? 0.2 * Math.sqrt(Math.max(rows, columns)) : Math.sqrt(Math.max(1, rows / columns));
      const scalars = [lr, lr * ratio, weightDecay, momentum, eps, ...nsCoefficients];
      dispatch(muonStepOp, [param, grads[i], momentumBuffer], { nesterov, nsSteps }, scalars);
    });
  }
}
