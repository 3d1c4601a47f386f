import { checkIterable, ArgumentError, describe, IndexError, isFloat, Tensor, type DType } from '@flambeau/core';
import { checkEntries } from './entries.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';

const asParameter = (op: string, value: unknown): Parameter => {
  if (value instanceof Parameter) return value;
  if (value instanceof Tensor) return new Parameter(value, isFloat(value.dtype));
  throw new ArgumentError({ op, expected: 'tensors or parameters', received: describe(value) });
};

/** What PyTorch calls tensors of the dtypes that parameters have. */
const legacyNames: Readonly<Partial<Record<DType, string>>> = {
  float32: 'FloatTensor',
  float64: 'DoubleTensor',
  float16: 'HalfTensor',
  bfloat16: 'BFloat16Tensor',
};

abstract class ParameterContainer extends Module {
  protected abstract typeOf(x: Parameter): string;

  override extraRepr(): string {
    return [...this.ownTensors(Parameter)]
      .map(([key, x]) => `  (${key}): Parameter containing: [torch.${this.typeOf(x)} of size ${x.shape.join('x')}]`)
      .join('\n');
  }

  forward(..._inputs: unknown[]): unknown {
    throw new ArgumentError({ op: this.typeName, expected: 'a forward of the module that holds it', received: 'a call' });
  }
}

/** Parameters in an array. Tensors become parameters. */
export class ParameterList extends ParameterContainer {
  [index: number]: Parameter;

  constructor(parameters: Iterable<Tensor> = []) {
    super();
    this.extend(parameters);
  }

  protected override typeOf(x: Parameter): string {
    return x.dtype;
  }

  /** The number of parameters. */
  get length(): number {
    return this.list().length;
  }

  private list(): Parameter[] {
    return Array.from(this.ownTensors(Parameter), ([, parameter]) => parameter);
  }

  private position(index: number): number {
    const { length } = this;
    const at = index < 0 ? index + length : index;
    if (!Number.isInteger(index) || at < 0 || at >= length)
      throw new IndexError({ op: 'ParameterList', expected: `an index in [${-length}, ${length - 1}]`, received: describe(index) });
    return at;
  }

  /** The parameter at an index; negative ones count from the end. @throws IndexError when there is none. */
  at(index: number): Parameter {
    return this.list()[this.position(index)];
  }

  /** Puts a parameter in the place of another. @returns this */
  set(index: number, parameter: Tensor): this {
    this[this.position(index)] = asParameter('ParameterList', parameter);
    return this;
  }

  /** Adds a parameter at the end. @returns this */
  append(parameter: Tensor): this {
    this[this.length] = asParameter('ParameterList', parameter);
    return this;
  }

  /** Adds parameters at the end. @returns this */
  extend(parameters: Iterable<Tensor>): this {
    for (const parameter of checkIterable('ParameterList', 'the parameters', parameters)) this.append(parameter);
    return this;
  }

  /** Takes a parameter out, the last one by default; the later ones move down. */
  pop(index = -1): Parameter {
    const at = this.position(index);
    const all = this.list();
    all.forEach((_, i) => delete this[i]);
    this.extend(all.toSpliced(at, 1));
    return all[at];
  }

  /** Some of the parameters in a list of their own, which shares them; bounds as those of an array. */
  slice(start?: number, end?: number): ParameterList {
    return new ParameterList(this.list().slice(start, end));
  }

  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.list()[Symbol.iterator]();
  }
}

/** Parameters by name. Tensors become parameters. */
export class ParameterDict extends ParameterContainer {
  constructor(parameters: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]> = {}) {
    super();
    this.update(parameters);
  }

  protected override typeOf(x: Parameter): string {
    return legacyNames[x.dtype] ?? x.dtype;
  }

  /** The number of parameters. */
  get size(): number {
    return [...this.keys()].length;
  }

  /** The parameter of a name. @throws ArgumentError when there is none. */
  get(name: string): Parameter {
    for (const [key, parameter] of this.ownTensors(Parameter)) if (key === name) return parameter;
    throw new ArgumentError({ op: 'ParameterDict', expected: `one of ${[...this.keys()].join(', ')}`, received: JSON.stringify(name) });
  }

  set(name: string, parameter: Tensor): this {
    if (name in ParameterDict.prototype || name === 'training')
      throw new ArgumentError({
        op: 'ParameterDict',
        expected: 'a name that ParameterDict does not use itself',
        received: JSON.stringify(name),
      });
    const value = asParameter('ParameterDict', parameter);
    Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true });
    return this;
  }

  /** The parameter of a name; where there is none, `otherwise` becomes it. */
  setDefault(name: string, otherwise: Tensor): Parameter {
    if (!this.has(name)) this.set(name, otherwise);
    return this.get(name);
  }

  has(name: string): boolean {
    return [...this.keys()].includes(name);
  }

  /** Takes a parameter out. @returns it */
  pop(name: string): Parameter {
    const parameter = this.get(name);
    delete (this as Record<string, unknown>)[name];
    return parameter;
  }

  delete(name: string): boolean {
    return this.has(name) && this.pop(name) !== undefined;
  }

  clear(): void {
    for (const name of this.keys()) this.pop(name);
  }

  /** Adds parameters, in the place of those with their names. @returns this */
  update(parameters: Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]>): this {
    checkEntries('ParameterDict', parameters);
    const entries =
      parameters instanceof ParameterDict
        ? parameters.items()
        : Symbol.iterator in parameters
          ? parameters
          : Object.entries<Tensor>(parameters);
    for (const [name, parameter] of entries as Iterable<readonly [string, Tensor]>) this.set(name, parameter);
    return this;
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.ownTensors(Parameter)) yield name;
  }

  *values(): IterableIterator<Parameter> {
    for (const [, parameter] of this.ownTensors(Parameter)) yield parameter;
  }

  items(): IterableIterator<[string, Parameter]> {
    return this.ownTensors(Parameter);
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.keys();
  }
}
