import { checkTensor, readCall, type Call, type Tensor } from '@flambeau/core';
import { Module } from '../module.ts';

/** What makes a layer of a function: its options in PyTorch's order, their defaults, the call, and what is printed between parentheses. */
interface FunctionLayerDefinition<Options extends object, Names extends readonly PropertyKey[]> {
  readonly names: Names;
  readonly defaults: Options;
  /** Throws an ArgumentError for a value that the layer does not take. */
  readonly check?: (op: string, options: Readonly<Options>) => void;
  readonly apply: (x: Tensor, options: Readonly<Options>, training: boolean) => Tensor;
  readonly repr?: (options: Readonly<Options>) => string;
}

/** A module of one tensor. */
declare abstract class TensorModule extends Module {
  forward(x: Tensor): Tensor;
}
/** A layer of one tensor whose options are its fields. */
export type FunctionLayer<Options extends object> = TensorModule & Readonly<Options>;

/** Makes the base class of a layer without parameters from a function: options become fields, and `forward` calls the function with them. */
export function functionLayer<Options extends object, const Names extends readonly PropertyKey[]>(
  definition: FunctionLayerDefinition<Options, Names>,
): new (...args: Call<Options, Names>) => FunctionLayer<Options> {
  class Layer extends Module {
    static readonly familyKeepsNoTensor = true;

    constructor(...args: unknown[]) {
      super();
      Object.assign(this, definition.defaults, readCall<Options>(this.constructor.name, args, definition.names as unknown as string[]));
      definition.check?.(this.constructor.name, this as unknown as Options);
    }

    forward(x: Tensor): Tensor {
      checkTensor(this.constructor.name, 'input', x);
      return definition.apply(x, this as unknown as Options, this.training);
    }

    override extraRepr(): string {
      return definition.repr?.(this as unknown as Options) ?? '';
    }
  }
  return Layer as unknown as new (...args: Call<Options, Names>) => FunctionLayer<Options>;
}
