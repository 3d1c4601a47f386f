import { isFloat, type Op, type Part, type Spec, type Storage, type Tensor } from '@flambeau/core';
import { AutogradError } from './error.ts';

/** Called with a gradient; a returned tensor takes its place. */
export type GradHook = (grad: Tensor) => Tensor | undefined | void;

/** What a node of the graph needs to know of one of its inputs: the output of another node, or a leaf. */
export interface Edge {
  readonly node: Node;
  readonly index: number;
}

/** The gradient of a part of an output. */
export interface PartGradient {
  readonly index: number;
  readonly part: Part;
  readonly gradient: Tensor;
}

let sequence = 0;

// What most nodes hold: shared, so that recording a small op allocates little.
const noTensors: readonly Tensor[] = [];
const noVersions: readonly number[] = [];
const noStorages: readonly Storage[] = [];

/** The storage that is about to be written over by what is being computed, and how to copy a tensor, with its history. */
let changing: { readonly storage: Storage; readonly copy: (x: Tensor) => Tensor } | undefined;

/** Runs `compute`, whose result replaces the content of a storage: nodes that it records keep copies of that storage. */
export function whileChanging<T>(storage: Storage, copy: (x: Tensor) => Tensor, compute: () => T): T {
  const outer = changing;
  changing = { storage, copy };
  try {
    return compute();
  } finally {
    changing = outer;
  }
}

/** One recorded op, or the place where the gradient of a leaf is gathered. */
export class Node {
  readonly op: Op | undefined;
  readonly attrs: unknown;
  readonly scalars: readonly number[];
  /** Where each input came from; undefined where it needs no gradient. */
  readonly edges: readonly (Edge | undefined)[];
  readonly inputs: readonly Spec[];
  readonly outputs: readonly Spec[];
  /** Later ops have higher numbers, so that walking downwards visits every consumer before its producer. */
  readonly order: number = sequence++;
  /** The tensor whose gradient this gathers; only on leaves. */
  readonly leaf: Tensor | undefined;
  saved: readonly Tensor[] | undefined = noTensors;
  private versions: readonly number[] = noVersions;
  private storages: readonly Storage[] = noStorages;
  /** Gradients of the outputs that have arrived in the walk that is under way. */
  pending: (Tensor | undefined)[] | undefined = undefined;
  /** Gradients of parts of the outputs that have arrived in it: they are joined when all are there. */
  parts: PartGradient[] | undefined = undefined;
  /** Hooks on tensors that are outputs of this node, and tensors that keep their gradient, by output. */
  hooks: { readonly index: number; readonly run: GradHook }[] | undefined = undefined;
  retained: { readonly index: number; readonly tensor: Tensor }[] | undefined = undefined;
  /** True when a change of one output in place would change another one too. */
  outputsShareStorage = false;
  /** The last walk that found this node. */
  visited = 0;
  /** Where the op was called, when anomalies are looked for. */
  stack: string | undefined = undefined;

  constructor(
    op: Op | undefined,
    attrs: unknown,
    scalars: readonly number[],
    edges: readonly (Edge | undefined)[],
    inputs: readonly Spec[],
    outputs: readonly Spec[],
    leaf?: Tensor,
  ) {
    this.op = op;
    this.attrs = attrs;
    this.scalars = scalars;
    this.edges = edges;
    this.inputs = inputs;
    this.outputs = outputs;
    this.leaf = leaf;
  }

  get name(): string {
    return this.op?.name ?? 'leaf';
  }

  /** Keeps tensors for the derivative, with the versions that they have now. */
  save(tensors: readonly Tensor[]): void {
    const saved = changing === undefined ? tensors : tensors.map((x) => (changing?.storage === x.storage ? changing.copy(x) : x));
    this.saved = saved;
    const count = saved.length;
    if (count === 0) return;
    const storages = new Array<Storage>(count);
    const versions = new Array<number>(count);
    for (let i = 0; i < count; i++) {
      const { storage } = saved[i];
      storages[i] = storage;
      versions[i] = storage.version;
      storage.pin();
    }
    this.storages = storages;
    this.versions = versions;
  }

  /** What was saved. @throws AutogradError when it was freed, or changed in place since. */
  restore(): readonly Tensor[] {
    const { saved } = this;
    if (saved === undefined) {
      throw new AutogradError({
        op: 'backward',
        expected: 'a graph that still has its saved tensors',
        received: `${this.name}, whose were freed by an earlier backward`,
        hint: 'Pass { retainGraph: true } to the first backward, or compute the result again.',
      });
    }
    for (let i = 0; i < saved.length; i++) {
      const { storage } = saved[i];
      if (storage !== this.storages[i] || storage.version !== this.versions[i]) {
        throw new AutogradError({
          op: 'backward',
          expected: `the tensor of shape [${saved[i].shape.join(', ')}] that ${this.name} saved, at version ${this.versions[i]}`,
          received:
            storage === this.storages[i]
              ? `version ${storage.version}: it was changed in place`
              : 'another storage: it was moved or replaced',
          hint: 'Change a clone, or use the form that returns a new tensor.',
        });
      }
    }
    return saved;
  }

  /** Lets go of what was saved. */
  free(): void {
    if (this.leaf !== undefined) return;
    for (let i = 0; i < this.storages.length; i++) this.storages[i].unpin();
    this.saved = undefined;
    this.storages = noStorages;
    this.versions = noVersions;
  }
}

/** What autograd knows of a tensor: its `tape`. */
export class Tape {
  requiresGrad = false;
  grad: Tensor | undefined = undefined;
  /** True once a caller has read `grad`, so that it may not be taken back. */
  gradRead = false;
  /** The op that made the tensor; for a leaf, the node that gathers its gradient. */
  edge: Edge | undefined = undefined;
  isLeaf = true;
  retainsGrad = false;
  /** How often the history was replaced by a change in place; views compare it with what they were derived from. */
  generation = 0;
  /** For a view made without recording: it may not be changed while recording. */
  madeWithoutRecording = false;
}

/** The tape of a tensor, made when it has none. */
export function tapeOf(x: Tensor): Tape {
  if (x.tape === undefined) x.tape = new Tape();
  return x.tape as Tape;
}

export const tapeIfAny = (x: Tensor): Tape | undefined => x.tape as Tape | undefined;

/** The node that gathers the gradient of a leaf. */
export function leafEdge(x: Tensor, tape: Tape): Edge {
  if (tape.edge === undefined) {
    const spec: Spec = { shape: x.shape, dtype: x.dtype };
    tape.edge = { node: new Node(undefined, undefined, [], [], [], [spec], x), index: 0 };
  }
  return tape.edge;
}

/** True for dtypes that can have a gradient. */
export const differentiable = (x: Spec): boolean => isFloat(x.dtype);
