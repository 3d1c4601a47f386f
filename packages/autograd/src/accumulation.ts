import { ArgumentError, describe, Tensor } from '@flambeau/core';
import { AutogradError } from './error.ts';
import { edgeOf } from './record.ts';
import type { Node } from './tape.ts';

// What others want to know of a backward walk: that a leaf has its gradient, and that the walk is over.

/** Called with a leaf whose `grad` has just been added to. */
export type AccumulateHook = (leaf: Tensor) => void;

interface Entry {
  readonly run: AccumulateHook;
}

const hooks = new WeakMap<Tensor, Entry[]>();
let registered = 0;

/** Calls `hook` with a leaf each time `backward` has added to its `grad`. @returns a function that removes it */
export function registerPostAccumulateGradHook(x: Tensor, hook: AccumulateHook): () => void {
  const op = 'registerPostAccumulateGradHook';
  if (edgeOf(x)?.node.leaf === undefined) {
    throw new AutogradError({
      op,
      expected: 'a leaf that requires a gradient',
      received: describe(x),
      hint: 'Other tensors have registerHook.',
    });
  }
  if (typeof hook !== 'function') throw new ArgumentError({ op, expected: 'a function', received: describe(hook) });
  const entry = { run: hook };
  hooks.set(x, [...(hooks.get(x) ?? []), entry]);
  registered++;
  return () => {
    const before = hooks.get(x) ?? [];
    const rest = before.filter((other) => other !== entry);
    registered -= before.length - rest.length;
    hooks.set(x, rest);
  };
}

const hasHooks = (node: Node): boolean => node.leaf !== undefined && (hooks.get(node.leaf)?.length ?? 0) > 0;

/** Runs the hooks of a leaf. */
export function accumulated(leaf: Tensor): void {
  if (registered === 0) return;
  for (const { run } of hooks.get(leaf) ?? []) run(leaf);
}

/**
 * The nodes of a walk with each leaf that somebody waits for right behind the last op that adds to its gradient, instead of at the end, so that
 * the gradient can travel while the walk goes on.
 */
export function leavesEarly(nodes: Node[]): readonly Node[] {
  if (registered === 0) return nodes;
  const last = new Map<Node, Node>();
  for (const node of nodes) for (const edge of node.edges) if (edge !== undefined && hasHooks(edge.node)) last.set(edge.node, node);
  if (last.size === 0) return nodes;
  const behind = new Map<Node, Node[]>();
  for (const [leaf, consumer] of last) behind.set(consumer, [...(behind.get(consumer) ?? []), leaf]);
  const order: Node[] = [];
  for (const node of nodes) {
    if (last.has(node)) continue;
    order.push(node, ...(behind.get(node) ?? []));
  }
  return order;
}

let depth = 0;
let callbacks: (() => void)[] = [];

/** Calls `callback` once, at the end of the `backward` that is under way. @throws AutogradError outside of one */
export function queueBackwardCallback(callback: () => void): void {
  if (depth === 0) {
    throw new AutogradError({ op: 'queueBackwardCallback', expected: 'to be called by a hook during backward', received: 'no backward' });
  }
  callbacks.push(callback);
}

/** Runs a backward walk, and what was queued during it when the outermost one is over. */
export function withCallbacks(walk: () => void): void {
  depth++;
  let over = false;
  try {
    walk();
    over = true;
  } finally {
    depth--;
    if (!over && depth === 0) callbacks = [];
  }
  if (depth > 0) return;
  const queued = callbacks;
  callbacks = [];
  for (const callback of queued) callback();
}
