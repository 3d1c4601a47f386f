import { ArgumentError, describe, FlambeauError, Tensor, type Storage } from '@flambeau/core';
import { enableGrad, noGrad, peekGrad } from '@flambeau/autograd';

/** Parameters that share options. */
export type ParamGroup<Options> = Options & { params: Tensor[] };

/** What optimizers take: parameters, or groups of them with options of their own. */
export type ParamsArgument<Options> = Iterable<Tensor> | Iterable<Partial<Options> & { params: Iterable<Tensor> | Tensor }>;

/** The state of an optimizer as PyTorch lays it out: by the index of a parameter, and the groups with indices in place of parameters. */
export interface OptimizerState {
  state: Record<number, Record<string, Tensor | number | boolean>>;
  param_groups: (Record<string, unknown> & { params: number[] })[];
}

/** A state that does not fit an optimizer. Code `OPTIMIZER_STATE`. */
export class OptimizerStateError extends FlambeauError {
  constructor(op: string, expected: string, received: string) {
    super('OPTIMIZER_STATE', {
      op,
      expected,
      received,
      hint: 'Build the optimizer over the same parameters in the same groups as when it was saved.',
    });
  }
}

/** @throws ArgumentError unless `value` lies in [low, high]. */
export function checkRange(op: string, name: string, value: number, low = 0, high = Infinity): void {
  if (!(value >= low && value <= high))
    throw new ArgumentError({ op, expected: `${name} between ${low} and ${high}`, received: describe(value) });
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * The base of optimizers: parameter groups, state by parameter, `step` and `zeroGrad`.
 * A subclass gives its defaults and updates one group at a time, without recording.
 */
export abstract class Optimizer<Options extends object> {
  readonly defaults: Options;
  readonly paramGroups: ParamGroup<Options>[] = [];
  protected readonly state: Map<Tensor, Record<string, Tensor | number>> = new Map();

  constructor(params: ParamsArgument<Options>, defaults: Options) {
    this.defaults = defaults;
    const name = this.constructor.name;
    if (params instanceof Tensor || typeof (params as Partial<Iterable<unknown>>)?.[Symbol.iterator] !== 'function') {
      throw new ArgumentError({
        op: name,
        expected: 'parameters or groups of them',
        received: describe(params),
        hint: 'Pass net.parameters(), or an array.',
      });
    }
    const items = [...(params as Iterable<Tensor | (Partial<Options> & { params: Iterable<Tensor> | Tensor })>)];
    if (items.length === 0)
      throw new ArgumentError({
        op: name,
        expected: 'at least one parameter',
        received: 'none',
        hint: 'An iterator of parameters can be read only once; call net.parameters() anew.',
      });
    if (items[0] instanceof Tensor) this.addParamGroup({ params: items as Tensor[] } as Partial<Options> & { params: Tensor[] });
    else for (const group of items) this.addParamGroup(group as Partial<Options> & { params: Iterable<Tensor> | Tensor });
  }

  /** Adds a group of parameters with options of its own. @throws ArgumentError when a parameter is in a group already. */
  addParamGroup(group: Partial<Options> & { params: Iterable<Tensor> | Tensor }): void {
    const name = this.constructor.name;
    const params = group.params instanceof Tensor ? [group.params] : [...(group.params ?? [])];
    const known = new Set(this.paramGroups.flatMap((g) => g.params));
    for (const param of params) {
      if (!(param instanceof Tensor)) throw new ArgumentError({ op: name, expected: 'tensors as parameters', received: describe(param) });
      if (!param.isLeaf) throw new ArgumentError({ op: name, expected: 'leaves as parameters', received: `the result of ${param.gradFn}` });
      if (known.has(param)) throw new ArgumentError({ op: name, expected: 'each parameter once', received: 'one that is in two groups' });
      known.add(param);
    }
    const made = { ...this.defaults, ...group, params } as ParamGroup<Options>;
    this.checkOptions(made);
    this.paramGroups.push(made);
  }

  /** @throws ArgumentError when an option is out of its range. */
  protected abstract checkOptions(options: Options): void;

  /** Updates the parameters that have a gradient; `grads[i]` is that of `params[i]`. */
  protected abstract update(group: ParamGroup<Options>, params: Tensor[], grads: Tensor[]): void;

  /** The state of a parameter, made by `init` when it has none. */
  protected stateOf<S extends Record<string, Tensor | number>>(param: Tensor, init: () => S): S {
    let state = this.state.get(param) as S | undefined;
    if (state === undefined) {
      state = init();
      this.state.set(param, state);
    }
    for (const value of Object.values(state)) if (value instanceof Tensor) value.storage.kept = true;
    return state;
  }

  /** Moves state that lies on another device than its parameter. */
  private followDevices(): void {
    for (const [param, state] of this.state) {
      for (const [key, value] of Object.entries(state)) {
        if (value instanceof Tensor && value.device !== param.device) state[key] = keepStorage(value.to(param.device));
      }
    }
  }

  /** One step from the gradients that the parameters hold. A `closure` computes the loss anew before, with its gradients. @returns the closure's loss */
  step(closure?: () => Tensor): Tensor | undefined {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    noGrad(() => {
      this.followDevices();
      for (const group of this.paramGroups) {
        const params: Tensor[] = [];
        const grads: Tensor[] = [];
        for (const param of group.params) {
          const grad = peekGrad(param);
          if (grad === undefined) continue;
          params.push(param);
          grads.push(grad);
        }
        if (params.length > 0) this.update(group, params, grads);
      }
    });
    return loss;
  }

  /** Forgets the gradients of all parameters; with `setToNone: false` they become zeros instead. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    for (const { params } of this.paramGroups) {
      for (const param of params) {
        if (options.setToNone === false) param.grad = param.grad?.mul(0).detach();
        else param.grad = undefined;
      }
    }
  }

  /** Everything that a later run needs to go on: state by parameter index, and the groups' options, by PyTorch's names. */
  stateDict(): OptimizerState {
    const index = new Map(this.paramGroups.flatMap((group) => group.params).map((param, i) => [param, i]));
    const state: OptimizerState['state'] = {};
    for (const [param, values] of this.state) {
      const i = index.get(param);
      if (i !== undefined) state[i] = Object.fromEntries(Object.entries(values).map(([key, value]) => [snakeCase(key), value]));
    }
    const groups = this.paramGroups.map(({ params, ...options }) => ({
      ...Object.fromEntries(Object.entries(options).map(([key, value]) => [snakeCase(key), value])),
      params: params.map((param) => index.get(param) as number),
    }));
    return { state, param_groups: groups };
  }

  /** Takes over what `stateDict` gave, here or in PyTorch. Tensors are copied. @throws OptimizerStateError when groups or shapes differ. */
  loadStateDict(saved: OptimizerState): void {
    const name = `${this.constructor.name}.loadStateDict`;
    const groups = saved?.param_groups;
    if (!Array.isArray(groups) || groups.length !== this.paramGroups.length)
      throw new OptimizerStateError(
        name,
        `${this.paramGroups.length} parameter groups`,
        Array.isArray(groups) ? String(groups.length) : describe(groups),
      );
    const params = this.paramGroups.flatMap((group) => group.params);
    groups.forEach((group, g) => {
      if (group.params.length !== this.paramGroups[g].params.length)
        throw new OptimizerStateError(name, `${this.paramGroups[g].params.length} parameters in group ${g}`, String(group.params.length));
    });
    const places = groups.flatMap((group) => group.params);
    const state = new Map<Tensor, Record<string, Tensor | number>>();
    places.forEach((place, i) => {
      const values = saved.state[place];
      if (values === undefined) return;
      const own: Record<string, Tensor | number> = {};
      for (const [key, value] of Object.entries(values)) {
        own[camelCase(key)] = value instanceof Tensor ? restore(name, key, value, params[i]) : Number(value);
      }
      state.set(params[i], own);
    });
    this.state.clear();
    for (const [param, values] of state) this.state.set(param, values);
    groups.forEach(({ params: _, ...options }, g) => {
      for (const [key, value] of Object.entries(options)) {
        const field = camelCase(key);
        if (Object.hasOwn(this.defaults, field) || field === 'initialLr') Object.assign(this.paramGroups[g], { [field]: value });
      }
    });
  }
}

/** A saved value for a parameter: a step counter becomes a number, anything else goes to the parameter's device and dtype. */
function restore(op: string, key: string, value: Tensor, param: Tensor): Tensor | number {
  if (key === 'step') return value.itemSync();
  if (value.count !== 1 && (value.ndim > param.ndim || value.count > param.count)) {
    throw new OptimizerStateError(op, `a ${key} for a parameter of shape [${param.shape.join(', ')}]`, `[${value.shape.join(', ')}]`);
  }
  return keepStorage(
    value
      .detach()
      .to(param.device, value.dtype === 'int64' ? 'int32' : value.dtype)
      .clone(),
  );
}

function keepStorage(x: Tensor): Tensor {
  (x.storage satisfies Storage).kept = true;
  return x;
}
