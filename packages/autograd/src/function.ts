import { describe, ArgumentError, defineOp, dispatch, Tensor, type Op, type Spec } from '@flambeau/core';
import { withRecording } from './mode.ts';

/** What a custom function's forward and backward share. */
export interface FunctionContext {
  /** Keeps tensors for backward; they are checked against changes in place. */
  saveForBackward(...tensors: Tensor[]): void;
  /** What was saved. */
  readonly savedTensors: readonly Tensor[];
  /** Which inputs want a gradient; in backward. */
  readonly needsInputGrad: readonly boolean[];
  /** Anything else that backward needs. */
  readonly extra: Map<string, unknown>;
}

/** A function with a derivative of its own. */
export interface FunctionDefinition {
  readonly name?: string;
  forward(context: FunctionContext, ...inputs: Tensor[]): Tensor | readonly Tensor[];
  /** One gradient for each input, undefined where there is none. Gradients of outputs that nothing depends on are undefined. */
  backward(context: FunctionContext, ...grads: (Tensor | undefined)[]): Tensor | undefined | readonly (Tensor | undefined)[];
}

let defined = 0;

/**
 * Makes a function whose derivative is `definition.backward`: what torch.autograd.Function is. The result takes tensors.
 * @example
 * const cube = customFunction({
 *   forward(context, x) { context.saveForBackward(x); return x.pow(3) },
 *   backward(context, g) { const [x] = context.savedTensors; return g.mul(x.square().mul(3)) },
 * })
 */
export function customFunction(definition: FunctionDefinition): (...inputs: Tensor[]) => Tensor | Tensor[] {
  if (typeof definition?.forward !== 'function' || typeof definition.backward !== 'function')
    throw new ArgumentError({ op: 'customFunction', expected: 'an object with forward and backward', received: describe(definition) });
  const name = `${definition.name ?? 'customFunction'}#${defined++}`;
  return (...inputs) => {
    if (!inputs.every((x) => x instanceof Tensor))
      throw new ArgumentError({ op: name, expected: 'tensors', received: 'something else', hint: 'Close over other arguments.' });
    let saved: Tensor[] = [];
    const extra = new Map<string, unknown>();
    let needs: readonly boolean[] = inputs.map(() => true);
    const context: FunctionContext = {
      saveForBackward: (...tensors) => {
        saved = tensors;
      },
      get savedTensors() {
        return saved;
      },
      get needsInputGrad() {
        return needs;
      },
      extra,
    };
    const outputs = withRecording(false, () => [definition.forward(context, ...inputs)].flat() as Tensor[]);
    const single = outputs.length === 1;
    // The op of this one call: it hands out what forward has computed, so that autograd records it like any other.
    const op = callOp(name, outputs, () => saved, (cotangents, wanted, restored) => {
      saved = [...restored];
      needs = wanted;
      for (const g of cotangents) if (g !== undefined) g.storage.kept = true;
      const results = [definition.backward(context, ...cotangents)].flat() as (Tensor | undefined)[];
      for (const g of results) if (g !== undefined) g.storage.kept = true;
      return results;
    }); // prettier-ignore
    const results = dispatch(op, inputs, undefined);
    return single ? results[0] : results;
  };
}

type Pull = (cotangents: readonly (Tensor | undefined)[], needs: readonly boolean[], saved: readonly Tensor[]) => (Tensor | undefined)[];

function callOp(name: string, outputs: readonly Tensor[], saved: () => Tensor[], pull: Pull): Op<undefined> {
  return {
    ...template,
    name,
    infer: (): Spec[] => [...outputs],
    compose: () => outputs.map((y) => y.alias()).map(withoutView),
    save: saved,
    vjp: ({ cotangents, needs, saved: restored }) => pull(cotangents, needs, restored),
  };
}
function withoutView(x: Tensor): Tensor {
  x.viewed = undefined;
  x.tape = undefined;
  return x;
}
const template: Op<undefined> = defineOp({ name: 'customFunction', compose: (inputs) => [...inputs] });
