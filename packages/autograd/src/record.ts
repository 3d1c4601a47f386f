import {
  assignOp,
  defineOp,
  dispatchOne,
  installLayer,
  setGradSuffix,
  setInPlaceGate,
  Tensor,
  type Dispatch,
  type Op,
  type Spec,
} from '@flambeau/core';
import { isAnomalyDetected } from './anomaly.ts';
import { AutogradError } from './error.ts';
import { isGradEnabled, setRecording, withRecording } from './mode.ts';
import { differentiable, leafEdge, Node, tapeIfAny, tapeOf, whileChanging, type Edge, type Tape } from './tape.ts';

// The layer that records: where an input wants a gradient, it runs the op below and notes what the derivative needs.

/** The tensor at the end of a chain of views. */
function rootOf(x: Tensor): Tensor {
  let root = x;
  while (root.viewed !== undefined) root = root.viewed.of;
  return root;
}

/**
 * Where the gradient of a tensor goes; undefined when it needs none. A view whose base got a new history since is derived anew:
 * its edge becomes the chain of its views over the base as it is now.
 */
export function edgeOf(x: Tensor): Edge | undefined {
  const tape = tapeIfAny(x);
  if (x.viewed === undefined) return tape === undefined || !tape.requiresGrad ? undefined : (tape.edge ?? leafEdge(x, tape));
  const generation = tapeIfAny(rootOf(x))?.generation ?? 0;
  if (generation !== (tape?.generation ?? 0) && tape?.madeWithoutRecording !== true) return rederive(x, generation);
  return tape === undefined || !tape.requiresGrad ? undefined : (tape.edge ?? leafEdge(x, tape));
}

function rederive(x: Tensor, generation: number): Edge | undefined {
  const { viewed } = x;
  if (viewed === undefined) return undefined;
  const below = edgeOf(viewed.of);
  const tape = tapeOf(x);
  tape.generation = generation;
  tape.requiresGrad = below !== undefined;
  tape.isLeaf = below === undefined;
  tape.edge =
    below === undefined ? undefined : { node: new Node(viewed.op, viewed.attrs, [], [below], [specOf(viewed.of)], [specOf(x)]), index: 0 };
  tape.edge?.node.save([]);
  return tape.edge;
}

const specOf = (x: Tensor): Spec => ({ shape: x.shape, dtype: x.dtype });

/** True when some input wants a gradient. */
function anyTracked(inputs: readonly Tensor[]): boolean {
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i];
    if (x.tape !== undefined ? (x.tape as Tape).requiresGrad || x.viewed !== undefined : x.viewed !== undefined) {
      if (edgeOf(x) !== undefined) return true;
    }
  }
  return false;
}

function layer(op: Op, inputs: readonly Tensor[], attrs: unknown, scalars: readonly number[], below: Dispatch): Tensor[] {
  if (op.mutates !== undefined) return recordMutation(op, inputs, attrs, scalars, below);
  if (!isGradEnabled()) {
    const outputs = below(op, inputs, attrs, scalars);
    if (op.view !== undefined && anyTracked(inputs)) cutView(outputs[0], inputs[0]);
    return outputs;
  }
  if (!anyTracked(inputs)) return below(op, inputs, attrs, scalars);
  if (op.vjp !== undefined) return record(op, inputs, attrs, scalars, below);
  if (op.compose !== undefined) return op.compose(inputs, attrs, scalars);
  const outputs = below(op, inputs, attrs, scalars);
  if (!op.constant && outputs.some(differentiable)) {
    throw new AutogradError({
      op: op.name,
      expected: 'an op with a derivative',
      received: 'one that has none',
      hint: 'Detach its input, or run it under noGrad.',
    });
  }
  return outputs;
}

/** A view made under noGrad has no history, and must not get one from its base later. */
function cutView(view: Tensor, of: Tensor): void {
  const tape = tapeOf(view);
  tape.madeWithoutRecording = true;
  tape.generation = tapeIfAny(rootOf(of))?.generation ?? 0;
}

function record(op: Op, inputs: readonly Tensor[], attrs: unknown, scalars: readonly number[], below: Dispatch): Tensor[] {
  const count = inputs.length;
  const edges = new Array<Edge | undefined>(count);
  let tracked = false;
  for (let i = 0; i < count; i++) {
    const edge = differentiable(inputs[i]) ? edgeOf(inputs[i]) : undefined;
    edges[i] = edge;
    if (edge !== undefined) tracked = true;
  }
  const outer = setRecording(false);
  let outputs: Tensor[];
  try {
    outputs = below(op, inputs, attrs, scalars);
  } finally {
    setRecording(outer);
  }
  if (!tracked || !anyDifferentiable(outputs)) return outputs;
  const specs = new Array<Spec>(count);
  for (let i = 0; i < count; i++) specs[i] = specOfInput(inputs[i], edges[i]);
  const node = new Node(op, attrs, scalars, edges, specs, outputs.length === 1 ? [specOf(outputs[0])] : outputs.map(specOf));
  if (isAnomalyDetected()) node.stack = new Error(op.name).stack;
  if (outputs.length > 1) node.outputsShareStorage = new Set(outputs.map((y) => y.storage)).size < outputs.length;
  if (op.save !== undefined) node.save(op.save(inputs, outputs, attrs));
  for (let index = 0; index < outputs.length; index++) {
    if (!differentiable(outputs[index])) continue;
    const tape = tapeOf(outputs[index]);
    tape.requiresGrad = true;
    tape.isLeaf = false;
    tape.edge = { node, index };
    if (op.view !== undefined) {
      tape.madeWithoutRecording = false;
      tape.generation = tapeIfAny(rootOf(inputs[0]))?.generation ?? 0;
    }
  }
  return outputs;
}

function anyDifferentiable(tensors: readonly Tensor[]): boolean {
  for (let i = 0; i < tensors.length; i++) if (differentiable(tensors[i])) return true;
  return false;
}

/** What the derivative is told of an input: where the op that made it has noted the same, that is shared. */
function specOfInput(x: Tensor, edge: Edge | undefined): Spec {
  const made = edge?.node.outputs[edge.index];
  return made !== undefined && made.shape === x.shape && made.dtype === x.dtype ? made : specOf(x);
}

/** A change in place. An assignment is recorded; other ops that change their inputs run only where nothing is. */
function recordMutation(op: Op, inputs: readonly Tensor[], attrs: unknown, scalars: readonly number[], below: Dispatch): Tensor[] {
  if (!isGradEnabled() || !anyTracked(inputs)) {
    return withRecording(false, () => below(op, inputs, attrs, scalars));
  }
  const [target, value] = inputs;
  if (op !== (assignOp as Op)) {
    throw new AutogradError({
      op: op.name,
      expected: 'to change tensors outside of a recording',
      received: 'one that requires a gradient',
      hint: 'Call it inside noGrad.',
    });
  }
  checkChangeable(target);
  const root = rootOf(target);
  const valueEdge = edgeOf(value);
  const rootEdge = edgeOf(root);
  withRecording(false, () => below(op, inputs, attrs, scalars));
  const tape = tapeOf(root);
  tape.generation++;
  if (target === root) {
    tape.requiresGrad = valueEdge !== undefined;
    tape.isLeaf = valueEdge === undefined;
    tape.edge = valueEdge;
    return [];
  }
  // The base is now what it was, with the region of the view replaced by the value.
  const chain = viewChain(target);
  const node = new Node(replaceRegionOp as Op, { chain }, [], [rootEdge, valueEdge], [specOf(root), specOf(value)], [specOf(root)]);
  node.save([]);
  tape.requiresGrad = true;
  tape.isLeaf = false;
  tape.edge = { node, index: 0 };
  return [];
}

interface ChainAttrs {
  readonly chain: readonly { readonly op: Op; readonly attrs: unknown }[];
}
const replay = (x: Tensor, { chain }: ChainAttrs): Tensor => chain.reduce((y, { op, attrs }) => dispatchOne(op, [y], attrs), x);

function viewChain(x: Tensor): ChainAttrs['chain'] {
  const chain: { op: Op; attrs: unknown }[] = [];
  for (let y = x; y.viewed !== undefined; y = y.viewed.of) chain.unshift({ op: y.viewed.op, attrs: y.viewed.attrs });
  return chain;
}

/** The base with the region that a chain of views names replaced by a value. It is never run forward: the assignment has done its work. */
const replaceRegionOp: Op<ChainAttrs> = defineOp<ChainAttrs>({
  name: 'replaceRegion',
  infer: ([base]) => [base],
  compose([base, value], attrs) {
    const out = base.clone();
    replay(out, attrs).copy_(value);
    return [out];
  },
  vjp({ needs, cotangents: [g], inputs: [, value], attrs }) {
    if (g === undefined) return [undefined, undefined];
    const rest = needs[0] ? dispatchOne(eraseRegionOp, [g], attrs) : undefined;
    return [rest, needs[1] ? replay(g, attrs).reshape(value.shape) : undefined];
  },
});

/** A tensor with zeros in the region that a chain of views names. */
const eraseRegionOp: Op<ChainAttrs> = defineOp<ChainAttrs>({
  name: 'eraseRegion',
  infer: ([x]) => [x],
  compose: ([x], attrs) =>
    withRecording(false, () => {
      const out = x.clone();
      replay(out, attrs).zero_();
      return [out];
    }),
  vjp: ({ cotangents: [g], attrs }) => [g && dispatchOne(eraseRegionOp, [g], attrs)],
});

function checkChangeable(target: Tensor): void {
  const root = rootOf(target);
  const tape = tapeIfAny(root);
  if (tape !== undefined && tape.requiresGrad && tape.isLeaf) {
    throw new AutogradError({
      op: 'assign',
      expected: 'a tensor that may be changed in place',
      received: target === root ? 'a leaf that requires a gradient' : 'a view of a leaf that requires a gradient',
      hint: 'Change it inside noGrad(() => ...), or change a clone.',
    });
  }
  for (let x = target; x.viewed !== undefined; x = x.viewed.of) {
    if (tapeIfAny(x)?.madeWithoutRecording === true) {
      throw new AutogradError({
        op: 'assign',
        expected: 'a view that was made while recording',
        received: 'one made inside noGrad',
        hint: 'Make the view outside noGrad, or change it inside.',
      });
    }
  }
  const edge = tape?.edge;
  if (edge !== undefined && !(tape?.isLeaf ?? true) && edge.node.outputsShareStorage) {
    throw new AutogradError({
      op: 'assign',
      expected: 'a tensor that may be changed in place',
      received: `one of several outputs of ${edge.node.name} that share their memory`,
      hint: 'Clone it first.',
    });
  }
}

installLayer(layer);
setInPlaceGate({
  unrecorded: (inputs) => !isGradEnabled() || !anyTracked(inputs),
  changing: (target, compute) => whileChanging(target.storage, (x) => x.clone(), compute),
});
setGradSuffix((x) => {
  const edge = edgeOf(x);
  if (edge === undefined) return undefined;
  if (edge.node.leaf !== undefined) return 'requires_grad=True';
  const name = edge.node.name.replace(/_.*/, '');
  return `grad_fn=<${name[0].toUpperCase()}${name.slice(1)}Backward>`;
});
