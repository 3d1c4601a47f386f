import { readOptions, checkTensor, checkTensors, ArgumentError, full, keep, outsideScopes, ShapeError, describe, showShape, Tensor, type Device, type DType } from '@flambeau/core'; // prettier-ignore
import { accumulated, leavesEarly, withCallbacks } from './accumulation.ts';
import { AutogradError } from './error.ts';
import { withRecording } from './mode.ts';
import { edgeOf } from './record.ts';
import { tapeOf, type Edge, type Node } from './tape.ts';
import { gather, leadingTo, reachable, walkBack, withoutHistory } from './walk.ts';

/** Options of `backward` and `grad`. */
export interface BackwardOptions {
  /** Keeps what ops saved, so that the graph can be walked again. Defaults to `createGraph`. */
  retainGraph?: boolean;
  /** Records the walk itself, so that gradients have gradients. */
  createGraph?: boolean;
}

const ones = new WeakMap<Device, Map<DType, Tensor>>();

/** The number one on a device. It is filled once and not in each walk: a new one is made only after somebody has changed it in place. */
function one(device: Device, dtype: DType): Tensor {
  let made = ones.get(device);
  if (made === undefined) ones.set(device, (made = new Map<DType, Tensor>()));
  let value = made.get(dtype);
  if (value === undefined || value.storage.released || value.storage.version !== 0) {
    value = keep(outsideScopes(() => full([], 1, { dtype, device })));
    made.set(dtype, value);
  }
  return withoutHistory(value);
}

/** The gradient that a walk starts with: one for a scalar, else what the caller gives. */
function seedFor(op: string, x: Tensor, gradient: Tensor | undefined): Tensor {
  if (gradient === undefined) {
    if (x.count !== 1) {
      throw new AutogradError({
        op,
        expected: 'a scalar, or a gradient of the same shape',
        received: `a tensor of shape ${showShape(x.shape)} and no gradient`,
        hint: 'Reduce it first, as in loss.sum().backward().',
      });
    }
    return x.ndim === 0 ? one(x.device, x.dtype) : x.newFull(x.shape, 1);
  }
  checkTensor(op, 'gradient (the options come after it)', gradient);
  if (gradient.shape.length !== x.shape.length || gradient.shape.some((n, i) => n !== x.shape[i])) {
    throw new ShapeError({ op, expected: `a gradient of shape ${showShape(x.shape)}`, received: showShape(gradient.shape) });
  }
  return gradient.to(x.dtype);
}

function rootEdge(op: string, x: Tensor): Edge {
  const edge = edgeOf(x);
  if (edge === undefined) {
    throw new AutogradError({
      op,
      expected: 'a tensor that requires a gradient',
      received: describe(x),
      hint: 'Nothing it was computed from has requiresGrad, or it was computed under noGrad or detached.',
    });
  }
  return edge;
}

/** Walks from x to the leaves and adds to their `grad`: all of them, or those of `inputs`. */
export function backward(x: Tensor, gradient?: Tensor, options: BackwardOptions & { inputs?: readonly Tensor[] } = {}): void {
  walkToLeaves(x, gradient, options);
  // What the ops had saved is garbage from here on, for the frame above that held the nodes is gone.
  x.device.sweep?.();
}

function walkToLeaves(x: Tensor, gradient: Tensor | undefined, options: BackwardOptions & { inputs?: readonly Tensor[] }): void {
  const {
    createGraph = false,
    retainGraph = createGraph,
    inputs,
  } = readOptions<typeof options>('backward', options, ['createGraph', 'retainGraph', 'inputs']);
  const edge = rootEdge('backward', x);
  const wanted = inputs === undefined ? undefined : inputs.map((input) => rootEdge('backward', input));
  const nodes = leavesEarly(reachable([edge]));
  const only = wanted === undefined ? undefined : leadingTo(nodes, wanted);
  const targets = wanted && new Map(wanted.map((w, i) => [w, (inputs as readonly Tensor[])[i]]));
  const reach = (node: Node, grad: Tensor): void => {
    if (node.leaf === undefined) return;
    gather(node.leaf, grad, createGraph);
    accumulated(node.leaf);
  };
  withCallbacks(() =>
    withRecording(createGraph, () => {
      const seed = seedFor('backward', x, gradient);
      walkBack([edge], [seed], {
      createGraph,
      retainGraph,
      only,
      reach,
      ...(targets !== undefined && {
        capture: (node, cotangents) =>
          targets.forEach((tensor, target) => {
            const grad = cotangents[target.index];
            if (target.node === node && node.leaf === undefined && grad !== undefined) gather(tensor, grad, true);
          }),
      }),
    }, nodes); // prettier-ignore
    }),
  );
}

/**
 * The gradients of outputs with respect to inputs, without touching any `grad`.
 * @param options.gradOutputs - what each output is pulled back from; ones for scalars
 * @param options.allowUnused - gives undefined for an input that the outputs do not depend on, instead of throwing
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: BackwardOptions & { gradOutputs?: Tensor | readonly (Tensor | undefined)[]; allowUnused?: boolean } = {},
): Tensor[] {
  const names = ['gradOutputs', 'retainGraph', 'createGraph', 'allowUnused'] as const;
  const {
    gradOutputs,
    createGraph = false,
    retainGraph = createGraph,
    allowUnused = false,
  } = readOptions<typeof options>('grad', options, names);
  const [from, to] = [[outputs].flat() as Tensor[], [inputs].flat() as Tensor[]];
  if (from.length === 0 || to.length === 0)
    throw new ArgumentError({ op: 'grad', expected: 'at least one output and one input', received: 'none' });
  const given = gradOutputs === undefined ? [] : ([gradOutputs].flat() as (Tensor | undefined)[]);
  checkTensors('grad', [...from, ...to]);
  const roots = from.map((x) => rootEdge('grad', x));
  const wanted = to.map((x) => rootEdge('grad', x));
  const nodes = reachable(roots);
  const found = new Array<Tensor | undefined>(to.length).fill(undefined);
  withRecording(createGraph, () => {
    const seeds = from.map((x, i) => seedFor('grad', x, given[i]));
    walkBack(roots, seeds, {
      createGraph,
      retainGraph,
      only: leadingTo(nodes, wanted),
      reach: () => undefined,
      capture: (node, cotangents) =>
        wanted.forEach((edge, i) => {
          const gradient = edge.node === node ? cotangents[edge.index] : undefined;
          if (gradient === undefined) return;
          found[i] = gradient;
          gradient.storage.kept = true;
        }),
    }, nodes); // prettier-ignore
  });
  found.forEach((gradient, i) => {
    if (gradient === undefined && !allowUnused) {
      throw new AutogradError({
        op: 'grad',
        expected: 'inputs that the outputs depend on',
        received: `input ${i} of shape ${showShape(to[i].shape)}, which is not in the graph`,
        hint: 'Pass { allowUnused: true } to get undefined for it.',
      });
    }
  });
  return found as Tensor[];
}

/** A function that returns the value of `f` and its gradients with respect to its tensor arguments. `f` returns a scalar. */
export function valueAndGrad<Args extends Tensor[]>(f: (...args: Args) => Tensor): (...args: Args) => { value: Tensor; grads: Tensor[] } {
  return (...args) => {
    const leaves = args.map((x) => {
      const leaf = x.alias();
      leaf.viewed = undefined;
      leaf.tape = undefined;
      tapeOf(leaf).requiresGrad = true;
      return leaf;
    }) as unknown as Args;
    const value = withRecording(true, () => f(...leaves));
    return { value, grads: grad(value, leaves, { allowUnused: true }) };
  };
}
