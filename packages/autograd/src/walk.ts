// The walk back through what was recorded: each node takes what arrived at its outputs, and its derivative sends gradients to its inputs.
import { bytesOf, internalScope, sameShape, ShapeError, showShape, Tensor, type VjpContext } from '@flambeau/core';
import { isAnomalyDetected } from './anomaly.ts';
import { AutogradError } from './error.ts';
import { isGradEnabled, withRecording } from './mode.ts';
import { dropWaiting, joinWaiting, passBelow, takeSlice, waitAsPart } from './parts.ts';
import { tapeOf, type Edge, type GradHook, type Node, type PartGradient } from './tape.ts';

let walks = 0;

/** All nodes below the roots, later ops first. Nodes are marked with the number of the walk, which is cheaper than a set of them. */
export function reachable(roots: readonly Edge[]): Node[] {
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

/** The nodes from which one of the edges can be reached, and those themselves. */
export function leadingTo(nodes: readonly Node[], wanted: readonly Edge[]): Set<Node> {
  const leading = new Set<Node>(wanted.map((edge) => edge.node));
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (nodes[i].edges.some((edge) => edge !== undefined && leading.has(edge.node))) leading.add(nodes[i]);
  }
  return leading;
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
export function gather(tensor: Tensor, gradient: Tensor, alias: boolean): void {
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

/** The same elements, of which nothing is recorded. */
export const withoutHistory = (x: Tensor): Tensor => new Tensor(x.storage, x.dtype, x.shape, x.strides, x.offset, x.count);

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

/** How a graph is walked. */
export interface Walk {
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

/** The gradients of parts that wait at a node arrive. @returns where the first of them begins, if that is a slice which the op takes for the whole */
function arriveParts(node: Node, parts: readonly PartGradient[], walk: Walk): number | undefined {
  const { op } = node;
  const free = op?.sliceable !== undefined && node.pending?.[0] === undefined && unseen(node, walk);
  const slice = free ? takeSlice(node, parts, op.sliceable) : undefined;
  if (slice !== undefined) {
    const { part, gradient } = slice;
    arrive({ node, index: 0 }, part.drops ? gradient.unsqueeze(part.dim) : gradient);
    gradient.storage.unpin();
  }
  joinWaiting(node, node.parts ?? []).forEach((sum, index) => sum && arrive({ node, index }, sum));
  return slice?.part.start;
}

function visit(node: Node, walk: Walk): void {
  const { op, parts } = node;
  if (parts !== undefined && node.pending === undefined && op?.partBelow !== undefined && unseen(node, walk)) {
    node.restore(); // throws where it was freed
    passBelow(node, parts);
    dropWaiting(node);
    if (!walk.retainGraph) node.free();
    return;
  }
  const sliceStart = parts === undefined ? undefined : arriveParts(node, parts, walk);
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

/** Pulls seeds back from the roots through the nodes, which are in the order of `reachable`. */
export function walkBack(roots: readonly Edge[], seeds: readonly Tensor[], walk: Walk, nodes: readonly Node[]): void {
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
