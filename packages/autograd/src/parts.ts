import { dispatchOne, embedSliceOp, internalScope, type Part, type Shape, type Tensor } from '@flambeau/core';
import type { Edge, Node, PartGradient } from './tape.ts';

// Gradients of parts of a tensor (of `select`, `slice`, and what is made of them: `unbind`, `chunk`, `split`) wait for each other, so that n of
// them are written once into the gradient of the whole, where n tensors of its size would be filled and added.

/** Lets the gradient of a part of an output wait for those of the other parts. */
export function waitAsPart({ node, index }: Edge, part: Part, gradient: Tensor): void {
  gradient.storage.pin();
  (node.parts ??= []).push({ index, part, gradient });
}

/** Hands gradients of parts of a view that only reorders to its input, as gradients of parts of that. */
export function passBelow({ op, attrs, scalars, inputs, edges: [edge] }: Node, waiting: readonly PartGradient[]): void {
  for (const { part, gradient } of waiting) {
    const [moved] = internalScope(() => {
      const g = part.drops ? gradient.unsqueeze(part.dim) : gradient;
      return op?.vjp?.({ needs: [true], cotangents: [g], saved: [], attrs, scalars, inputs }) ?? [];
    }, true);
    if (edge !== undefined && moved !== undefined && op?.partBelow !== undefined)
      waitAsPart(edge, op.partBelow({ ...part, drops: false }, attrs), moved);
  }
}

/** What waits for the first output, where it is one slice along a dimension; it waits no more. */
export function takeSlice(node: Node, waiting: readonly PartGradient[], dim: number): PartGradient | undefined {
  const [first, ...others] = waiting.filter(({ index }) => index === 0);
  if (first === undefined || others.length > 0 || first.part.dim !== dim || first.part.step !== 1) return undefined;
  node.parts = waiting.filter((one) => one !== first);
  return first;
}

/** Takes what waits, and gives the gradient of each output that has parts. */
export function joinWaiting(node: Node, waiting: readonly PartGradient[]): (Tensor | undefined)[] {
  const sums = internalScope(
    () =>
      node.outputs.map(({ shape }, index) => {
        const own = node.outputs.length === 1 ? waiting : waiting.filter((one) => one.index === index);
        return own.length === 0 ? undefined : joined(shape, own);
      }),
    true,
  );
  dropWaiting(node);
  return sums;
}

/** Forgets what waits. */
export function dropWaiting(node: Node): void {
  for (const { gradient } of node.parts ?? []) gradient.storage.unpin();
  node.parts = undefined;
}

/** Parts that do not overlap, along one dimension. */
interface Layer {
  readonly dim: number;
  readonly step: number;
  readonly starts: number[];
  readonly gradients: Tensor[];
  end: number;
}

/** The gradient of a tensor of a shape from those of its parts. What overlaps, or was cut along another dimension, is written apart and added. */
function joined(shape: Shape, parts: readonly PartGradient[]): Tensor {
  const layers: Layer[] = [];
  const sorted = parts.length === 1 ? parts : [...parts].sort((a, b) => a.part.start - b.part.start);
  for (const { part, gradient } of sorted) {
    const { dim, start, step } = part;
    const g = part.drops ? gradient.unsqueeze(dim) : gradient;
    // What takes every other index is a layer of its own.
    let layer = step === 1 ? layers.find((other) => other.dim === dim && other.step === 1 && other.end <= start) : undefined;
    if (layer === undefined) layers.push((layer = { dim, step, starts: [], gradients: [], end: 0 }));
    layer.starts.push(start);
    layer.gradients.push(g);
    layer.end = start + g.shape[dim];
  }
  return layers
    .map(({ dim, step, starts, gradients }) => dispatchOne(embedSliceOp, gradients, { shape, dim, starts, step }))
    .reduce((sum, more) => sum.add(more));
}
