import { ArgumentError, AsyncOnlyError, cat, describe, internalScope, keep, Tensor } from '@flambeau/core';
import { enableGrad, noGrad, peekGrad } from '@flambeau/autograd';
import { strongWolfe, type LinePoint } from './lineSearch.ts';
import { checkRange, Optimizer, type OptimizerState, type ParamsArgument, type StateValue } from './optimizer.ts';

/** Options of L-BFGS. */
export interface LBFGSOptions {
  /** Learning rate. */
  lr: number;
  /** Iterations of one call of `step`. */
  maxIter: number;
  /** Calls of the closure in one `step`; null for 1.25 times `maxIter`. */
  maxEval: number | null;
  /** Stops when no element of the gradient is larger. */
  toleranceGrad: number;
  /** Stops when neither the loss nor a parameter changes by more. */
  toleranceChange: number;
  /** Updates that are remembered. */
  historySize: number;
  /** `strong_wolfe`, or null for steps of `lr`. */
  lineSearchFn: 'strong_wolfe' | null;
}

/** What is remembered from one iteration to the next; vectors hold all parameters, one after the other. */
interface LBFGSState extends Record<string, StateValue> {
  funcEvals: number;
  nIter: number;
  d: Tensor | null;
  t: number;
  oldDirs: Tensor[];
  oldStps: Tensor[];
  ro: number[];
  hDiag: number;
  prevFlatGrad: Tensor | null;
  prevLoss: number;
}

const dot = (a: Tensor, b: Tensor): number => a.mul(b).sum().itemSync(); // prettier-ignore
const largest = (x: Tensor): number => (x.count === 0 ? 0 : x.abs().amax().itemSync()); // prettier-ignore

/**
 * The quasi-Newton method with limited memory, for full batches: `step(closure)`, where the closure zeroes the gradients, computes the loss,
 * calls backward and returns the loss. It reads values between the evaluations, so it runs where they can be read without waiting.
 * @see Liu & Nocedal 1989; Nocedal & Wright, algorithm 7.4
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  constructor(params: ParamsArgument<LBFGSOptions>, options: Partial<LBFGSOptions> = {}) {
    const defaults = { lr: 1, maxIter: 20, toleranceGrad: 1e-7, toleranceChange: 1e-9, historySize: 100, lineSearchFn: null };
    super(
      params,
      { ...defaults, maxEval: Math.floor(((options?.maxIter ?? 20) * 5) / 4) },
      { ...options, maxEval: options?.maxEval ?? undefined },
    );
    if (this.paramGroups.length !== 1)
      throw new ArgumentError({ op: 'LBFGS', expected: 'one group of parameters', received: String(this.paramGroups.length) });
  }

  protected override checkOptions({ lr, maxIter, maxEval, historySize, lineSearchFn, toleranceGrad, toleranceChange }: LBFGSOptions): void {
    checkRange('LBFGS', 'lr', lr);
    checkRange('LBFGS', 'maxIter', maxIter, 1);
    if (maxEval !== null) checkRange('LBFGS', 'maxEval', maxEval, 1);
    checkRange('LBFGS', 'historySize', historySize, 1);
    checkRange('LBFGS', 'toleranceGrad', toleranceGrad);
    checkRange('LBFGS', 'toleranceChange', toleranceChange);
    if (lineSearchFn !== null && lineSearchFn !== 'strong_wolfe')
      throw new ArgumentError({ op: 'LBFGS', expected: 'lineSearchFn strong_wolfe or null', received: describe(lineSearchFn) });
  }

  protected override savedName(field: string): string {
    return field === 'hDiag' ? 'H_diag' : super.savedName(field);
  }

  protected override fieldOf(saved: string): string {
    return saved === 'H_diag' ? 'hDiag' : super.fieldOf(saved);
  }

  protected override scalarFields(): readonly string[] {
    return ['funcEvals', 'nIter', 't', 'hDiag', 'prevLoss'];
  }

  /** Vectors run over all parameters. */
  protected override fits(value: Tensor): boolean {
    return value.count === this.params.reduce((sum, param) => sum + param.count, 0);
  }

  /** PyTorch keeps the room of one step's factors (`al`) with the state, and the numbers of `ro` as tensors. */
  override loadStateDict(saved: OptimizerState): void {
    const state = Object.fromEntries(
      Object.entries(saved?.state ?? {}).map(([place, { al: _, ro, ...values }]) => [
        place,
        Array.isArray(ro) ? { ...values, ro: ro.map((value) => (value instanceof Tensor ? value.itemSync() : value)) } : values,
      ]),
    );
    super.loadStateDict({ ...saved, state });
  }

  /** All updates happen in `step`. */
  protected override update(): void {}

  private get params(): readonly Tensor[] {
    return this.paramGroups[0].params;
  }

  private flatGradient(): Tensor {
    return cat(this.params.map((param) => (peekGrad(param) ?? param.newZeros(param.shape)).reshape(-1)));
  }

  /** Adds `t·direction` to the parameters. */
  private move(t: number, direction: Tensor): void {
    let start = 0;
    for (const param of this.params) {
      param.add_(direction.narrow(0, start, param.count).reshape(param.shape), { alpha: t });
      start += param.count;
    }
  }

  /** Minimizes from here, calling `closure` as often as needed. @returns the loss of the first call @throws ArgumentError without a closure */
  override step(closure?: () => Tensor): Tensor {
    if (typeof closure !== 'function')
      throw new ArgumentError({
        op: 'LBFGS.step',
        expected: 'a closure that computes the loss and its gradients',
        received: describe(closure),
        hint: 'Write step(() => { optimizer.zeroGrad(); const loss = ...; loss.backward(); return loss }).',
      });
    const { device } = this.params[0];
    if (!device.synchronous)
      throw new AsyncOnlyError({
        op: 'LBFGS.step',
        expected: 'a device that can be read without waiting',
        received: device.name,
        hint: 'Move the model to the CPU, or use another optimizer.',
      });
    return noGrad(() => this.minimize(closure));
  }

  private minimize(closure: () => Tensor): Tensor {
    const { lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn } = this.paramGroups[0];
    const limit = maxEval ?? Math.floor((maxIter * 5) / 4);
    const state = this.stateOf<LBFGSState>(this.params[0], freshState);
    const evaluate = (): number => enableGrad(closure).itemSync();
    const firstLoss = enableGrad(closure);
    let loss = firstLoss.itemSync();
    state.funcEvals++;
    let evaluations = 1;
    let gradient = this.flatGradient();
    if (largest(gradient) <= toleranceGrad) return firstLoss;
    for (let iteration = 1; ; iteration++) {
      state.nIter++;
      const d = keep(this.direction(state, gradient, historySize));
      state.d = d;
      state.prevFlatGrad = keep(gradient.clone());
      const lossBefore = loss;
      state.prevLoss = loss;
      state.t = state.nIter === 1 ? Math.min(1, 1 / gradient.abs().sum().itemSync()) * lr : lr; // prettier-ignore
      const slope = dot(gradient, d);
      // The direction no longer leads down.
      if (slope > -toleranceChange) break;
      let used = 0;
      if (lineSearchFn === 'strong_wolfe') {
        const found = this.search(evaluate, d, { t: 0, value: loss, gradient, slope }, state.t, toleranceChange, limit - evaluations);
        ({ value: loss, gradient, t: state.t } = found.point);
        used = found.evaluations;
        this.move(state.t, d);
      } else {
        this.move(state.t, d);
        if (iteration !== maxIter) {
          loss = evaluate();
          gradient = this.flatGradient();
          used = 1;
        }
      }
      evaluations += used;
      state.funcEvals += used;
      if (iteration === maxIter || evaluations >= limit || largest(gradient) <= toleranceGrad) break;
      if (largest(d) * Math.abs(state.t) <= toleranceChange || Math.abs(loss - lossBefore) < toleranceChange) break;
    }
    return firstLoss;
  }

  /** The next direction: minus the inverse of the approximated Hessian times the gradient, by two loops over the history. */
  private direction(state: LBFGSState, gradient: Tensor, historySize: number): Tensor {
    const { d: lastDirection, prevFlatGrad, oldDirs, oldStps, ro } = state;
    if (state.nIter === 1 || lastDirection === null || prevFlatGrad === null) return gradient.neg();
    const y = gradient.sub(prevFlatGrad);
    const s = lastDirection.mul(state.t);
    const ys = dot(y, s);
    if (ys > 1e-10) {
      if (oldDirs.length === historySize) for (const list of [oldDirs, oldStps, ro]) list.shift();
      oldDirs.push(keep(y));
      oldStps.push(keep(s));
      ro.push(1 / ys);
      state.hDiag = ys / dot(y, y);
    }
    const [result] = internalScope(() => {
      const alphas = new Array<number>(oldDirs.length);
      const q = gradient.neg();
      for (let i = oldDirs.length - 1; i >= 0; i--) {
        alphas[i] = dot(oldStps[i], q) * ro[i];
        q.add_(oldDirs[i], { alpha: -alphas[i] });
      }
      const r = q.mul_(state.hDiag);
      for (let i = 0; i < oldDirs.length; i++) r.add_(oldStps[i], { alpha: alphas[i] - dot(oldDirs[i], r) * ro[i] });
      return [r];
    });
    return result as Tensor;
  }

  /** Looks along `d` from where the parameters are, which come back there. */
  private search(evaluate: () => number, d: Tensor, start: LinePoint, t: number, toleranceChange: number, maxEvaluations: number) {
    // prettier-ignore
    const home = this.params.map((param) => param.clone());
    const at = (distance: number): LinePoint => {
      this.move(distance, d);
      const value = evaluate();
      const gradient = this.flatGradient();
      this.params.forEach((param, i) => param.copy_(home[i]));
      return { t: distance, value, gradient, slope: dot(gradient, d) };
    };
    return strongWolfe(at, start, { t, directionSize: largest(d), toleranceChange, maxEvaluations });
  }
}

const freshState = (): LBFGSState => ({
  funcEvals: 0,
  nIter: 0,
  d: null,
  t: 1,
  oldDirs: [],
  oldStps: [],
  ro: [],
  hDiag: 1,
  prevFlatGrad: null,
  prevLoss: 0,
});
