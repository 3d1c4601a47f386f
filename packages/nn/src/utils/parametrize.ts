import { ArgumentError, describe, showShape, Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { Module } from '../module.ts';
import { ModuleDict, ModuleList } from '../modules/container.ts';
import { Buffer, Parameter } from '../parameter.ts';

/** A module whose forward computes a parameter from one or several that stand for it; `rightInverse` finds those for a given value. */
export interface Parametrization extends Module {
  forward(...originals: Tensor[]): Tensor;
  rightInverse?(value: Tensor): Tensor | readonly Tensor[];
}

type Fields = Record<string, unknown>;

/** The cache of `cached`: values by parametrized tensor. */
let cache: Map<ParametrizationList, Tensor> | undefined;

/** Runs `body` with every parametrized tensor computed only once, at its first use. */
export function cached<T>(body: () => T): T {
  const outer = cache;
  cache ??= new Map();
  try {
    return body();
  } finally {
    cache = outer;
  }
}

/** The parametrizations of one tensor, applied in order, and what they start from: `original`, or `original0`, `original1` and so on. */
export class ParametrizationList extends ModuleList<Parametrization> {
  readonly unsafe: boolean;
  /** The number of tensors that stand for the value; undefined for one with the name `original`. */
  readonly originals: number | undefined;

  constructor(first: Parametrization, original: Parameter | Buffer, unsafe: boolean) {
    super([first]);
    this.unsafe = unsafe;
    const inverse = first.rightInverse === undefined ? original : noGrad(() => first.rightInverse?.(original) ?? original);
    if (inverse instanceof Tensor) {
      this.originals = undefined;
      if (inverse !== original) noGrad(() => void (original.data = inverse));
      this.hold('original', original);
      return;
    }
    this.originals = inverse.length;
    inverse.forEach((x, i) => {
      this.hold(`original${i}`, original instanceof Parameter ? new Parameter(x.detach().clone(), original.requiresGrad) : new Buffer(x));
    });
  }

  private hold(name: string, tensor: Tensor): void {
    if (tensor instanceof Parameter) this.registerParameter(name, tensor);
    else this.registerBuffer(name, tensor);
  }

  /** The tensors that stand for the value. */
  originalTensors(): Tensor[] {
    const fields = this as unknown as Record<string, Tensor>;
    const { originals } = this;
    return originals === undefined ? [fields['original']] : Array.from({ length: originals }, (_, i) => fields[`original${i}`]);
  }

  /** Gives the tensors that stand for it the values that make it `value`. @throws ArgumentError when a parametrization has no inverse */
  rightInverse(value: Tensor): void {
    noGrad(() => {
      let inverse: Tensor | readonly Tensor[] = value;
      for (const parametrization of [...this].reverse()) {
        if (parametrization.rightInverse === undefined || !(inverse instanceof Tensor)) {
          throw new ArgumentError({ op: parametrization.typeName, expected: 'a parametrization with rightInverse', received: 'none' });
        }
        inverse = parametrization.rightInverse(inverse);
      }
      const values = inverse instanceof Tensor ? [inverse] : inverse;
      this.originalTensors().forEach((x, i) => x.copy_(values[i]));
    });
  }

  override forward(): Tensor {
    const [first, ...rest] = this;
    return rest.reduce((x, parametrization) => parametrization.forward(x), first.forward(...this.originalTensors()));
  }

  /** The value, from the cache where there is one. */
  value(): Tensor {
    if (cache === undefined) return this.forward();
    const known = cache.get(this) ?? this.forward();
    cache.set(this, known);
    return known;
  }
}

/** A module with parametrized tensors. */
interface Parametrized extends Module {
  parametrizations: ModuleDict<ParametrizationList>;
}

/** True when the tensor of that name, or any, is parametrized. */
export function isParametrized(module: Module, name?: string): module is Parametrized {
  const held = Object.hasOwn(module, 'parametrizations') ? (module as Parametrized).parametrizations : undefined;
  if (!(held instanceof ModuleDict)) return false;
  return name === undefined ? held.size > 0 : held.has(fieldKey(module, name));
}

/** The state-dict name of a field that holds a tensor, and the field itself. */
const fieldKey = (module: Module, name: string): string => (module as unknown as { stateKey(field: string): string }).stateKey(name);
const fieldOf = (module: Module, name: string): string =>
  Object.keys(module).find(
    (field) => (module as unknown as Fields)[field] instanceof Tensor && (field === name || fieldKey(module, field) === name),
  ) ?? name;

/** Gives a module a class of its own, in which the parametrized fields are computed. */
function ownClass(module: Module): Parametrized {
  const Original = module.constructor as new () => Module;
  const { name } = Original;
  const prototype = Object.create(Original.prototype as object) as object;
  const Own = { [`Parametrized${name}`]: function () {} }[`Parametrized${name}`];
  Object.defineProperty(prototype, 'constructor', { value: Own, writable: true, configurable: true });
  Object.setPrototypeOf(module, prototype);
  const parametrized = module as Parametrized;
  parametrized.parametrizations = new ModuleDict();
  return parametrized;
}

/**
 * Makes a parameter or buffer of a module the result of a parametrization: it is computed anew at each use, and gradients go to what it is
 * computed from, which is found under `module.parametrizations`. A second parametrization takes the result of the first.
 * Assigning the field calls `rightInverse`.
 * @throws ArgumentError when there is no such tensor or, unless `unsafe`, the result has another shape or dtype
 */
export function registerParametrization<M extends Module>(
  module: M,
  tensorName: string,
  parametrization: Parametrization,
  options: { unsafe?: boolean } = {},
): M {
  const op = 'registerParametrization';
  const { unsafe = false } = options;
  parametrization.train(module.training);
  if (isParametrized(module, tensorName)) {
    const list = module.parametrizations.get(fieldKey(module, tensorName));
    const before = noGrad(() => list.forward());
    if (!unsafe) checkSame(op, before, noGrad(() => parametrization.forward(before))); // prettier-ignore
    list.append(parametrization);
    return module;
  }
  const field = fieldOf(module, tensorName);
  const original = (module as unknown as Fields)[field];
  if (!(original instanceof Parameter || original instanceof Buffer)) {
    throw new ArgumentError({
      op,
      expected: `a parameter or buffer ${JSON.stringify(tensorName)} of ${module.typeName}`,
      received: describe(original),
    });
  }
  const spec = { shape: original.shape, dtype: original.dtype };
  const list = new ParametrizationList(parametrization, original, unsafe);
  if (!unsafe) checkSame(op, spec, noGrad(() => list.forward())); // prettier-ignore
  const owner = isParametrized(module) ? (module as Parametrized) : ownClass(module);
  delete (module as unknown as Fields)[field];
  owner.parametrizations.set(fieldKey(module, field), list);
  Object.defineProperty(Object.getPrototypeOf(module), field, {
    configurable: true,
    // Asked of `this`, so that a copy of the module computes from its own tensors.
    get(this: Parametrized): Tensor {
      return this.parametrizations.get(fieldKey(this, field)).value();
    },
    set(this: Parametrized, value: Tensor) {
      this.parametrizations.get(fieldKey(this, field)).rightInverse(value);
    },
  });
  return module;
}

function checkSame(op: string, before: { shape: readonly number[]; dtype: string }, after: Tensor): void {
  if (showShape(before.shape) !== showShape(after.shape) || before.dtype !== after.dtype) {
    throw new ArgumentError({
      op,
      expected: `a parametrization that keeps shape ${showShape(before.shape)} and dtype ${before.dtype}`,
      received: `${showShape(after.shape)} and ${after.dtype}`,
      hint: 'Pass { unsafe: true } to allow it.',
    });
  }
}

/**
 * Takes the parametrizations of a tensor away. It keeps the computed value, or with `leaveParametrized: false` that of `original`.
 * @throws ArgumentError when it is not parametrized, or several tensors stand for it and it should not keep the computed value
 */
export function removeParametrizations<M extends Module>(module: M, tensorName: string, options: { leaveParametrized?: boolean } = {}): M {
  const op = 'removeParametrizations';
  const { leaveParametrized = true } = options;
  if (!isParametrized(module, tensorName))
    throw new ArgumentError({ op, expected: 'a parametrized tensor', received: JSON.stringify(tensorName) });
  const owner: Parametrized = module;
  const key = fieldKey(module, tensorName);
  const list = owner.parametrizations.get(key);
  const [original] = list.originalTensors();
  if (list.originals !== undefined && !leaveParametrized) {
    throw new ArgumentError({ op, expected: 'leaveParametrized with several original tensors', received: 'false' });
  }
  const value = noGrad(() => list.forward().detach().clone());
  let restored: Tensor = original;
  if (leaveParametrized) {
    if (list.originals !== undefined)
      restored = original instanceof Parameter ? new Parameter(value, original.requiresGrad) : new Buffer(value);
    else noGrad(() => void (original.data = value));
  }
  const prototype = Object.getPrototypeOf(module) as object;
  const field = Object.getOwnPropertyNames(prototype).find((name) => fieldKey(module, name) === key) ?? tensorName;
  delete (prototype as Fields)[field];
  owner.parametrizations.delete(key);
  Object.defineProperty(module, field, { value: restored, writable: true, configurable: true, enumerable: true });
  if (owner.parametrizations.size === 0) {
    delete (module as unknown as Fields)['parametrizations'];
    Object.setPrototypeOf(module, Object.getPrototypeOf(prototype) as object);
  }
  return module;
}

/** The class of a module before it was parametrized. */
export const typeBeforeParametrizations = (module: Module): string =>
  isParametrized(module) ? module.typeName.replace(/^Parametrized/, '') : module.typeName;
