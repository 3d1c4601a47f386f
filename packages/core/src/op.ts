import type { Layout } from './layout.ts';
import type { DType } from './dtype.ts';
import type { RequiredKernels } from './seam.ts';
import type { Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** Shape and dtype of an output. A tensor is one, so `infer: ([x]) => [x]` says "as the input". */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What a derivative rule is given: `vjp` stands for vector-Jacobian product. */
export interface VjpContext<Attrs> {
  /** Whether the gradient of each input is wanted; a rule returns undefined where it is not. */
  readonly needs: readonly boolean[];
  /** The gradient with respect to each output; undefined where nothing depends on it. */
  readonly cotangents: readonly (Tensor | undefined)[];
  /** What `save` returned. */
  readonly saved: readonly Tensor[];
  readonly attrs: Attrs;
  readonly scalars: readonly number[];
  /** Shape and dtype of the inputs. */
  readonly inputs: readonly Spec[];
  /** For a `sliceable` op whose first cotangent is a slice: the index at which that begins. */
  readonly sliceStart?: number | undefined;
}

/** Which part of a tensor a view is: the indices `start`, `start + step`, ... of one dimension. */
export interface Part {
  readonly dim: number;
  readonly start: number;
  readonly step: number;
  /** True where the view has that dimension no more. */
  readonly drops: boolean;
}

/**
 * Everything there is to say of one op. Its kind is told by the field that is present: a `view` (layout to layout), a primitive (`kernel`),
 * or a composite (`compose`: ordinary ops, and this is its meaning). A composite may also have its own `vjp`, and a backend may offer a
 * kernel under its name: both are optimizations, checked against the composition.
 */
export interface OpDefinition<Attrs> {
  readonly name: string;
  /** Shapes and dtypes of the outputs, and every check of the arguments but their values. */
  infer?(inputs: readonly Tensor[], attrs: Attrs, scalars: readonly number[]): readonly Spec[];
  view?(x: Tensor, attrs: Attrs): Layout;
  /** For a view of a part: which one. A walk joins the gradients of all parts of a tensor at once, instead of filling up and adding each. */
  part?(attrs: Attrs): Part;
  /** For a view that only reorders: which part of its input a part of it is. Gradients of parts pass through it as such. */
  partBelow?(part: Part, attrs: Attrs): Part;
  kernel?(kernels: RequiredKernels, inputs: readonly Tensor[], outputs: readonly Tensor[], attrs: Attrs, scalars: readonly number[]): void;
  compose?(inputs: readonly Tensor[], attrs: Attrs, scalars: readonly number[]): Tensor[];
  /** What the derivative keeps alive, and nothing else. */
  save?(inputs: readonly Tensor[], outputs: readonly Tensor[], attrs: Attrs): readonly Tensor[];
  /** One gradient for each input. */
  vjp?(context: VjpContext<Attrs>): (Tensor | undefined)[];
  /** A dimension of the first output: `vjp` may be given a slice along it, of a cotangent that is zero everywhere else. */
  readonly sliceable?: number | undefined;
  /** Indices of inputs whose content the op changes. */
  readonly mutates?: readonly number[];
  /** True for a kernel that computes each element from the same element of its inputs, so that it may write over one of them. */
  readonly pointwise?: boolean;
  /** True when the kernel only moves elements, so that every dtype that can be stored can pass. */
  readonly moves?: boolean;
  /** True when outputs never carry a gradient although they are floats (a sign, a rounding whose derivative is zero). */
  readonly constant?: boolean;
}

export interface Op<Attrs = unknown> extends OpDefinition<Attrs> {
  /** Counts ops in the order of their definition. */
  readonly id: number;
}

const registry = new Map<string, Op>();

/**
 * Registers an op.
 * @throws Error when the name is taken: a second definition would shadow the derivative of the first.
 */
export function defineOp<Attrs = undefined>(definition: OpDefinition<Attrs>): Op<Attrs> {
  if (registry.has(definition.name)) throw new Error(`defineOp: the op ${definition.name} is defined twice`);
  const {
    name,
    infer = undefined,
    view = undefined,
    part = undefined,
    partBelow = undefined,
    kernel = undefined,
    compose = undefined,
    save = undefined,
    vjp = undefined,
    sliceable = undefined,
    mutates = undefined,
    pointwise = false,
    moves = false,
    constant = false,
  } = definition;
  // One literal, so that every op has the same hidden class and dispatch stays monomorphic.
  const op = {
    name,
    infer,
    view,
    part,
    partBelow,
    kernel,
    compose,
    save,
    vjp,
    sliceable,
    mutates,
    pointwise,
    moves,
    constant,
    id: registry.size,
  } as Op<Attrs>;
  registry.set(name, op as Op);
  return op;
}

/** Every op that has been defined, by name. */
export const definedOps = (): ReadonlyMap<string, Op> => registry;
