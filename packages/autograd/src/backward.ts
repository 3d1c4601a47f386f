import {
  readOptions,
  checkTensor,
  checkTensors,
  ArgumentError,
  bytesOf,
  full,
  internalScope,
  keep,
  outsideScopes,
  ShapeError,
  describe,
  sameShape,
  showShape,
  Tensor,
  type Device,
  type DType,
  type VjpContext,
} from '@flambeau/core';
import { accumulated, leavesEarly, withCallbacks } from './accumulation.ts';
import { isAnomalyDetected } from './anomaly.ts';
import { AutogradError } from './error.ts';
import { isGradEnabled, withRecording } from './mode.ts';
import { dropWaiting, joinWaiting, passBelow, takeSlice, waitAsPart } from './parts.ts';
import { edgeOf } from './record.ts';
import { tapeOf, type Edge, type GradHook, type Node } from './tape.ts';

/** Options of `backward` and `grad`. */
export interface BackwardOptions {
  /** Keeps what ops saved, so that the graph can be walked again. Defaults to `createGraph`. */
  retainGraph?: boolean;
  /** Records the walk itself, so that gradients have gradients. */
  createGraph?: boolean;
}

let walks = 0;

/** All nodes below the roots, later ops first. Nodes are marked with the number of the walk, which is cheaper than a set of them. */
function reachable(roots: readonly Edge[]): Node[] {
  const walk = ++walks;
  const found: Node[] = [];
  for (const { node } of roots) {
    if (node.visited === walk) continue;
    node.visited = walk;
    found.push(node);
  }
  let sorted = roots.length === 1;
  for (let i = 0; i < found.length; i++) {
    const { edges } = found[i];
    for (let k = 0; k < edges.length; k++) {
      const node = edges[k]?.node;
      if (node === undefined || node.visited === walk) continue;
      node.visited = walk;
      if (node.order > found[found.length - 1].order) sorted = false;
      found.push(node);
    }
  }
  return sorted ? found : found.sort((a, b) => b.order - a.order);
}

function arrive(edge: Edge, gradient: Tensor): void {
  const pending = (edge.node.pending ??= []);
  const before = pending[edge.index];
  const sum = before === undefined ? gradient : before.add(gradient);
  sum.storage.pin();
  pending[edge.index] = sum;
  if (before !== undefined) before.storage.unpin();
}

function runHook(hook: GradHook, gradient: Tensor): Tensor {
  gradient.storage.kept = true;
  const replacement = hook(gradient);
  if (!replacement) return gradient;
  if (replacement.count !== gradient.count) {
    throw new ShapeError({
      op: 'hook',
      expected: `a gradient of shape ${showShape(gradient.shape)}`,
      received: showShape(replacement.shape),
    });
  }
  replacement.storage.kept = true;
  return replacement;
}

/** The cotangents of a node with its hooks run, and what keeps its gradient provided. */
function withHooks(node: Node, arrived: readonly (Tensor | undefined)[]): readonly (Tensor | undefined)[] {
  const { hooks, retained } = node;
  if (hooks === undefined && retained === undefined) return arrived;
  const cotangents = [...arrived];
  for (const { index, run } of hooks ?? []) {
    const gradient = cotangents[index];
    if (gradient !== undefined) cotangents[index] = runHook(run, gradient);
  }
  for (const { index, tensor } of retained ?? []) {
    const gradient = cotangents[index];
    if (gradient !== undefined) gather(tensor, gradient, true);
  }
  return cotangents;
}

/** Adds a gradient to `tensor.grad`. `alias` says that others go on using the gradient. */
function gather(tensor: Tensor, gradient: Tensor, alias: boolean): void {
  const tape = tapeOf(tensor);
  if (tape.grad === undefined) {
    // A gradient that nobody else holds becomes the leaf's own; any other is copied, so that two leaves never share one.
    const { internal, kept, pins } = gradient.storage;
    const own =
      !alias &&
      internal &&
      !kept &&
      pins === 1 &&
      gradient.isContiguous() &&
      gradient.count * bytesOf(gradient.dtype) === gradient.storage.byteLength;
    tape.grad = own ? withoutHistory(gradient) : gradient.clone();
  } else if (isGradEnabled()) tape.grad = tape.grad.add(gradient);
  else tape.grad.add_(gradient);
  tape.grad.storage.kept = true;
}

const withoutHistory = (x: Tensor): Tensor => new Tensor(x.storage, x.dtype, x.shape, x.strides, x.offset, x.count);

function checkNaN(node: Node, gradients: readonly (Tensor | undefined)[]): void {
  for (const gradient of gradients) {
    if (gradient === undefined || gradient.count === 0 || !gradient.isnan().any().itemSync<boolean>()) continue;
    throw new AutogradError({
      op: 'detectAnomaly',
      expected: 'gradients without NaN',
      received: `NaN from the derivative of ${node.name}`,
      hint: `The forward op was called here:\n${node.stack?.split('\n').slice(2, 12).join('\n') ?? '(outside of detectAnomaly)'}`,
    });
  }
}

interface Walk {
  readonly createGraph: boolean;
  readonly retainGraph: boolean;
  /** Called with each leaf and its gradient. */
  readonly reach: (node: Node, gradient: Tensor) => void;
  /** Nodes to visit; undefined for all. */
  readonly only: ReadonlySet<Node> | undefined;
  /** Edges whose gradients are collected before their node runs. */
  readonly capture?: (node: Node, cotangents: readonly (Tensor | undefined)[]) => void;
}

/** Whether nobody looks at the gradients that arrive at a node, which then need not be whole. */
const unseen = ({ hooks, retained }: Node, { capture }: Walk): boolean =>
  hooks === undefined && retained === undefined && capture === undefined;

function visit(node: Node, walk: Walk): void {
  let sliceStart: number | undefined;
  if (node.parts !== undefined) {
    const { op, parts } = node;
    if (unseen(node, walk) && node.pending === undefined && op?.partBelow !== undefined) {
      node.restore();
      passBelow(node, parts);
      dropWaiting(node);
      if (!walk.retainGraph) node.free();
      return;
    }
    if (unseen(node, walk) && node.pending?.[0] === undefined && op?.sliceable !== undefined) {
      const slice = takeSlice(node, parts, op.sliceable);
      if (slice !== undefined) {
        const { part, gradient } = slice;
        sliceStart = part.start;
        arrive({ node, index: 0 }, part.drops ? gradient.unsqueeze(part.dim) : gradient);
        gradient.storage.unpin();
      }
    }
    joinWaiting(node, node.parts).forEach((sum, index) => sum && arrive({ node, index }, sum));
  }
  const { pending } = node;
  node.pending = undefined;
  if (pending === undefined) return;
  const cotangents = withHooks(node, pending);
  walk.capture?.(node, cotangents);
  if (node.leaf !== undefined) {
    if (cotangents[0] !== undefined) walk.reach(node, cotangents[0]);
  } else pullBack(node, cotangents, walk, sliceStart);
  for (let i = 0; i < pending.length; i++) pending[i]?.storage.unpin();
  if (!walk.retainGraph) node.free();
}

function pullBack(node: Node, cotangents: readonly (Tensor | undefined)[], walk: Walk, sliceStart: number | undefined): void {
  const saved = node.restore();
  const { edges, op } = node;
  const count = edges.length;
  const needs = new Array<boolean>(count);
  let needed = false;
  for (let i = 0; i < count; i++) {
    const edge = edges[i];
    needs[i] = edge !== undefined && (walk.only === undefined || walk.only.has(edge.node));
    if (needs[i]) needed = true;
  }
  if (!needed || op?.vjp === undefined) return;
  if (op.part !== undefined && edges[0] !== undefined && cotangents[0] !== undefined) {
    if (isAnomalyDetected()) checkNaN(node, cotangents);
    waitAsPart(edges[0], op.part(node.attrs), cotangents[0]);
    return;
  }
  const { attrs, scalars, inputs } = node;
  const context: VjpContext<unknown> = { needs, cotangents, saved, attrs, scalars, inputs, sliceStart };
  const { vjp } = op;
  const gradients = internalScope(() => vjp.call(op, context), true);
  if (isAnomalyDetected()) checkNaN(node, gradients);
  for (let i = 0; i < count; i++) {
    const edge = edges[i];
    const gradient = gradients[i];
    if (edge === undefined || gradient === undefined || !needs[i]) continue;
    const { shape, dtype } = node.inputs[i];
    if (!sameShape(gradient.shape, shape)) {
      throw new AutogradError({
        op: node.name,
        expected: `a gradient of shape ${showShape(shape)} for input ${i}`,
        received: showShape(gradient.shape),
      });
    }
    arrive(edge, gradient.dtype === dtype ? gradient : gradient.to(dtype));
  }
}

function walkBack(roots: readonly Edge[], seeds: readonly Tensor[], walk: Walk, nodes: readonly Node[]): void {
  for (const node of nodes) {
    if (node.pending !== undefined) {
      throw new AutogradError({
        op: 'backward',
        expected: 'a graph that no other walk is in the middle of',
        received: 'a backward inside a hook of the same graph',
        hint: 'Call it after the outer backward.',
      });
    }
  }
  try {
    // What the walk makes is its own, except what leaves keep; each node's gradients go as soon as they are used.
    internalScope(() => {
      withRecording(walk.createGraph, () => {
        roots.forEach((edge, i) => arrive(edge, seeds[i]));
        for (const node of nodes) if (walk.only === undefined || walk.only.has(node)) visit(node, walk);
      });
      return [];
    });
  } finally {
    for (const node of nodes) {
      for (const gradient of node.pending ?? []) gradient?.storage.unpin();
      node.pending = undefined;
      dropWaiting(node);
    }
  }
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

/** The nodes from which one of the edges can be reached, and those themselves. */
function leadingTo(nodes: readonly Node[], wanted: readonly Edge[]): Set<Node> {
  const leading = new Set<Node>(wanted.map((edge) => edge.node));
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (nodes[i].edges.some((edge) => edge !== undefined && leading.has(edge.node))) leading.add(nodes[i]);
  }
  return leading;
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
