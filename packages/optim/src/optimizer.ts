import { ArgumentError, describe, FlambeauError, Tensor, zerosLike, type Storage } from '@flambeau/core';
import { enableGrad, noGrad, peekGrad } from '@flambeau/autograd';

/** Parameters that share options. */
export type ParamGroup<Options> = Options & { params: Tensor[]; paramNames?: string[] };

/** Parameters, or parameters with names, as `net.namedParameters()` gives them. */
export type ParamList = Tensor | Iterable<Tensor> | Iterable<readonly [string, Tensor]>;

/** A group of parameters and those options that differ from the others'. */
export type GroupArgument<Options> = Partial<Options> & { params: ParamList };

/** What optimizers take: parameters, or groups of them with options of their own. */
export type ParamsArgument<Options> = Exclude<ParamList, Tensor> | Iterable<GroupArgument<Options>>;

/** What an optimizer remembers of a parameter under one name. */
export type StateValue = Tensor | number | boolean | null | StateValue[];

/** The state of an optimizer as PyTorch lays it out: by the index of a parameter, and the groups with indices in place of parameters. */
export interface OptimizerState {
  state: Record<number, Record<string, StateValue>>;
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

/** @throws ArgumentError unless `value` is a number in [low, high]. */
export function checkRange(op: string, name: string, value: number, low = 0, high = Infinity): void {
  if (typeof value !== 'number' || !(value >= low && value <= high))
    throw new ArgumentError({ op, expected: `${name} between ${low} and ${high}`, received: describe(value) });
}

/** @throws ArgumentError unless `values` are two numbers in [0, 1). */
export function checkBetas(op: string, betas: readonly number[]): void {
  if (!Array.isArray(betas) || betas.length !== 2)
    throw new ArgumentError({ op, expected: 'betas as two numbers, such as [0.9, 0.999]', received: describe(betas) });
  betas.forEach((beta, i) => {
    if (typeof beta !== 'number' || !(beta >= 0 && beta < 1))
      throw new ArgumentError({ op, expected: `betas[${i}] from 0 up to, but not including, 1`, received: describe(beta) });
  });
}

/** Places in a list of `count` groups of `size` inputs, except the `unchanged` ones of each group: what an op over several parameters changes. */
export const placesOf = (size: number, count: number, unchanged: readonly number[]): number[] =>
  Array.from({ length: size * count }, (_, i) => i).filter((i) => !unchanged.includes(i % size));

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camelCase = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * The base of optimizers: parameter groups, state by parameter, `step` and `zeroGrad`.
 * A subclass gives its defaults and updates one group at a time, without recording.
 */
export abstract class Optimizer<Options extends object = { lr: number }> {
  readonly defaults: Options;
  readonly paramGroups: ParamGroup<Options>[] = [];
  protected readonly state: Map<Tensor, Record<string, StateValue>> = new Map();

  /** @param defaults - every option with its default value @param options - what the caller gives; undefined stands for the default */
  constructor(params: ParamsArgument<Options>, defaults: Options, options: Partial<Options> = {}) {
    const name = this.constructor.name;
    this.defaults = { ...defaults, ...checkedNames(name, defaults, options) };
    if (params instanceof Tensor || typeof (params as Partial<Iterable<unknown>>)?.[Symbol.iterator] !== 'function') {
      throw new ArgumentError({
        op: name,
        expected: 'parameters or groups of them',
        received: describe(params),
        hint: 'Pass net.parameters(), or an array.',
      });
    }
    const items = [...(params as Iterable<Tensor | readonly [string, Tensor] | GroupArgument<Options>>)];
    if (items.length === 0)
      throw new ArgumentError({
        op: name,
        expected: 'at least one parameter',
        received: 'none',
        hint: 'An iterator of parameters can be read only once; call net.parameters() anew.',
      });
    if (items[0] instanceof Tensor || Array.isArray(items[0])) this.addParamGroup({ params: items } as unknown as GroupArgument<Options>);
    else for (const group of items) this.addParamGroup(group as GroupArgument<Options>);
  }

  /** Adds a group of parameters with options of its own. @throws ArgumentError when a parameter is in a group already. */
  addParamGroup(group: GroupArgument<Options>): void {
    const name = this.constructor.name;
    if (typeof group !== 'object' || group === null || typeof group.params !== 'object')
      throw new ArgumentError({ op: name, expected: 'parameters, or groups { params, ... }', received: describe(group) });
    const { params, names } = splitNames(name, group.params);
    if (this.paramGroups.length > 0 && (this.paramGroups[0].paramNames === undefined) !== (names === undefined))
      throw new ArgumentError({ op: name, expected: 'names in all groups or in none', received: 'names in some' });
    const known = new Set(this.paramGroups.flatMap((g) => g.params));
    for (const param of params) {
      if (!(param instanceof Tensor)) throw new ArgumentError({ op: name, expected: 'tensors as parameters', received: describe(param) });
      if (!param.isLeaf) throw new ArgumentError({ op: name, expected: 'leaves as parameters', received: `the result of ${param.gradFn}` });
      if (known.has(param)) throw new ArgumentError({ op: name, expected: 'each parameter once', received: 'one that is in two groups' });
      known.add(param);
    }
    const { params: _, ...options } = group;
    const own = checkedNames(name, this.defaults, options as Partial<Options>);
    const made = { ...this.defaults, ...own, params, ...(names && { paramNames: names }) } as ParamGroup<Options>;
    this.checkOptions(made);
    this.paramGroups.push(made);
  }

  /** @throws ArgumentError when an option is out of its range. */
  protected abstract checkOptions(options: Options): void;

  /** Updates the parameters that have a gradient; `grads[i]` is that of `params[i]`. */
  protected abstract update(group: ParamGroup<Options>, params: Tensor[], grads: Tensor[]): void;

  /** The state of a parameter, made by `init` when it has none. */
  protected stateOf<S extends Record<string, StateValue>>(param: Tensor, init: () => S): S {
    let state = this.state.get(param) as S | undefined;
    if (state === undefined) {
      state = init();
      this.state.set(param, state);
    }
    for (const value of Object.values(state)) if (value instanceof Tensor) value.storage.kept = true;
    return state;
  }

  /** The name under which PyTorch saves a field of the state. */
  protected savedName(field: string): string {
    return snakeCase(field);
  }

  /** The field of the state for a saved name. */
  protected fieldOf(saved: string): string {
    return camelCase(saved);
  }

  /** Fields of the state that are numbers here and tensors of one element in PyTorch. */
  protected scalarFields(): readonly string[] {
    return ['step'];
  }

  /** Moves state that lies on another device than its parameter. */
  private followDevices(): void {
    for (const [param, state] of this.state) {
      for (const key in state) {
        const value = state[key];
        if (Array.isArray(value) || (value instanceof Tensor && value.device !== param.device)) state[key] = moved(value, param);
      }
    }
  }

  /**
   * Moves the state to where its parameters are, also from a device that can only be read asynchronously: after `await model.toAsync(cpu)`.
   * From other devices the next `step()` does so by itself. @returns this
   */
  async followAsync(): Promise<this> {
    for (const [param, state] of this.state) {
      for (const key in state) {
        const value = state[key];
        if (Array.isArray(value)) state[key] = await Promise.all(value.map((item) => movedAsync(item, param)));
        else if (value instanceof Tensor && value.device !== param.device) state[key] = await movedAsync(value, param);
      }
    }
    return this;
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
        if (options.setToNone === false) param.grad = param.grad && zerosLike(param.grad);
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
      if (i !== undefined) state[i] = Object.fromEntries(Object.entries(values).map(([key, value]) => [this.savedName(key), value]));
    }
    const groups = this.paramGroups.map(({ params, ...options }) => ({
      ...Object.fromEntries(Object.entries(options).map(([key, value]) => [snakeCase(key), value])),
      params: params.map((param) => index.get(param) as number),
    }));
    return { state, param_groups: groups };
  }

  /** True when a saved tensor can belong to a parameter: it has its shape, or is a part or summary of it. */
  protected fits(value: Tensor, param: Tensor): boolean {
    return value.count === 1 || (value.ndim <= param.ndim && value.count <= param.count);
  }

  /** A saved value for a parameter: tensors are copied to the parameter's device. */
  private restore(op: string, key: string, value: StateValue, param: Tensor): StateValue {
    if (Array.isArray(value)) return value.map((item) => this.restore(op, key, item, param));
    if (!(value instanceof Tensor)) return value;
    if (!this.fits(value, param))
      throw new OptimizerStateError(op, `a ${key} for a parameter of shape [${param.shape.join(', ')}]`, `[${value.shape.join(', ')}]`);
    return keepStorage(value.detach().to(param.device).clone());
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
    const scalars = this.scalarFields();
    const state = new Map<Tensor, Record<string, StateValue>>();
    places.forEach((place, i) => {
      const values = saved.state?.[place];
      if (values === undefined) return;
      const own: Record<string, StateValue> = {};
      for (const [key, value] of Object.entries(values)) {
        const field = this.fieldOf(key);
        // PyTorch saves None for what a parameter does not have.
        if (value === null || value === undefined) continue;
        own[field] = scalars.includes(field) ? toNumber(value) : this.restore(name, key, value, params[i]);
      }
      state.set(params[i], own);
    });
    const options = groups.map(({ params: _, ...rest }, g) => {
      const known = Object.entries(rest)
        .map(([key, value]): [string, unknown] => [camelCase(key), value instanceof Tensor ? value.itemSync() : value])
        .filter(([field]) => Object.hasOwn(this.defaults, field) || schedulerFields.has(field));
      const loaded = { ...this.paramGroups[g], ...Object.fromEntries(known) };
      this.checkOptions(loaded);
      return loaded;
    });
    // Everything fits: only now is anything changed.
    this.state.clear();
    for (const [param, values] of state) this.state.set(param, values);
    options.forEach((loaded, g) => Object.assign(this.paramGroups[g], loaded));
  }
}

/** Parameters, and their names where all come with one. @throws ArgumentError when only some do */
function splitNames(op: string, given: ParamList): { params: Tensor[]; names: string[] | undefined } {
  const items: (Tensor | readonly [string, Tensor])[] = given instanceof Tensor ? [given] : [...(given ?? [])];
  const named = items.filter((item): item is readonly [string, Tensor] => Array.isArray(item));
  if (named.length === 0) return { params: items as Tensor[], names: undefined };
  if (named.length < items.length)
    throw new ArgumentError({ op, expected: 'names for all parameters or for none', received: 'names for some' });
  return { params: named.map(([, param]) => param), names: named.map(([key]) => key) };
}

/** What schedulers note in a group beside its options. */
const schedulerFields: ReadonlySet<string> = new Set([
  'initialLr',
  'maxLr',
  'minLr',
  'maxMomentum',
  'baseMomentum',
  'swaLr',
  'name',
  'paramNames',
]);

/** The options that were given. @throws ArgumentError for a name that the optimizer does not know, which is most likely a slip. */
function checkedNames<Options extends object>(op: string, defaults: Options, options: Partial<Options>): Partial<Options> {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError({ op, expected: 'options as an object', received: describe(options), hint: 'Write { lr: 0.01 }.' });
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [key] of given) {
    if (!Object.hasOwn(defaults, key) && !schedulerFields.has(key)) {
      throw new ArgumentError({ op, expected: `options among ${Object.keys(defaults).join(', ')}`, received: describe(key) });
    }
  }
  return Object.fromEntries(
    given.map(([key, value]) => [key, value instanceof Tensor ? onlyNumber(op, key, value) : value]),
  ) as Partial<Options>;
}

/** The number of an option that is given as a tensor of one element, as PyTorch takes `lr`. It is read once: schedulers change the group's number. */
function onlyNumber(op: string, name: string, x: Tensor): number {
  if (x.numel() !== 1) throw new ArgumentError({ op, expected: `${name} as a number, or a tensor of one element`, received: describe(x) });
  return x.itemSync() as number;
}

const toNumber = (value: StateValue): number => (value instanceof Tensor ? value.itemSync() : Number(value));

function moved(value: StateValue, param: Tensor): StateValue {
  if (Array.isArray(value)) return value.map((item) => moved(item, param));
  return value instanceof Tensor && value.device !== param.device ? keepStorage(value.to(param.device)) : value;
}

/** As `moved`, from any device. */
async function movedAsync<V>(value: V, param: Tensor): Promise<V | Tensor> {
  return value instanceof Tensor && value.device !== param.device ? keepStorage(await value.detach().toAsync(param.device)) : value;
}

function keepStorage(x: Tensor): Tensor {
  (x.storage satisfies Storage).kept = true;
  return x;
}
