// The table of public functions in docs/operators.md: names, formulas, shapes, derivatives and kernels, found by calling each function.
import * as core from '@flambeau/core';
import type { Device, Op, Tensor } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import * as linalg from '@flambeau/linalg';
import * as nn from '@flambeau/nn';
import * as special from '@flambeau/special';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { optionalKernels as webgpuKernels } from '../../packages/backend-webgpu/src/optional/index.ts';
import { Decoder, type OperatorCase } from '../../packages/conformance/src/cases.ts';
import { camelCase, parametersOf } from '../../packages/conformance/src/naming.ts';
import { callOf } from '../../packages/conformance/src/operators.ts';
import { Pack } from '../../packages/conformance/src/pack.ts';

type Callable = (...args: unknown[]) => unknown;
type Names = Readonly<Record<string, unknown>>;

/** Where public functions stand, what PyTorch calls that place, and the file of samples for it. */
interface Space {
  readonly title: string;
  readonly ours: Names;
  /** PyTorch's namespaces that the name is looked up in, the first that has it wins. */
  readonly theirs: readonly string[];
  readonly samples: readonly string[];
  /** What stands before the operator's name in the samples. */
  readonly prefix: string;
}

export const spaces: readonly Space[] = [
  { title: '@flambeau/core', ours: core, theirs: ['torch', 'torch.Tensor', 'torch.nn.functional', 'torch.linalg'], samples: ['tensor'], prefix: '' },
  { title: 'nn.functional', ours: nn.functional, theirs: ['torch.nn.functional', 'torch'], samples: ['nn', 'tensor'], prefix: 'nn.functional.' },
  { title: 'nn.init', ours: nn.init, theirs: ['torch.nn.init'], samples: [], prefix: '' },
  { title: '@flambeau/linalg, as linalg', ours: linalg.linalg as Names, theirs: ['torch.linalg'], samples: ['linalg'], prefix: 'linalg.' },
  { title: '@flambeau/linalg, beside it', ours: linalg, theirs: ['torch', 'torch.Tensor'], samples: ['linalg'], prefix: '' },
  { title: '@flambeau/special, as special', ours: special.special as Names, theirs: ['torch.special'], samples: ['special'], prefix: 'special.' },
]; // prettier-ignore

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const theirNames = JSON.parse(readFileSync(file('./pytorch/names.json'), 'utf8')) as Readonly<Record<string, readonly string[]>>;

/** Names that no rule gives: ours and PyTorch's. */
const irregular: Readonly<Record<string, string>> = {
  at: 'torch.Tensor.__getitem__',
  setAt: 'torch.Tensor.__setitem__',
  var_: 'torch.var',
  tensor: 'torch.tensor',
  slice: 'x[start:end:step]',
  asTensor: 'torch.as_tensor',
  fanInAndOut: 'torch.nn.init._calculate_fan_in_and_fan_out',
  logit: 'torch.logit',
  toArray: 'torch.Tensor.tolist',
  dataSync: 'torch.Tensor.numpy',
  float: 'torch.Tensor.float',
  plus: '',
};

/** PyTorch's name of a function, with its namespace; undefined where PyTorch has none. */
export function pytorchName(name: string, spacesOfPyTorch: readonly string[]): string | undefined {
  if (Object.hasOwn(irregular, name)) return irregular[name] || undefined;
  for (const space of spacesOfPyTorch) {
    const found = theirNames[space]?.find((theirs) => camelCase(theirs) === name);
    if (found !== undefined) return `${space}.${found}`;
  }
  return undefined;
}

/** Calls on which a function shows what it does, where PyTorch has no sample of it. */
const trials: readonly (() => unknown[])[] = [
  () => [core.rand([3, 4])],
  () => [core.rand([3, 4]), core.rand([3, 4])],
  () => [core.rand([3, 3])],
  () => [core.rand([3, 3]), core.rand([3, 3])],
  () => [core.rand([3, 4]), 1],
  () => [core.rand([3, 4]), 0, 1],
  () => [core.rand([3, 4]), 0, 0, 2],
  () => [core.rand([3, 4]), [2, 6]],
  () => [core.rand([3, 4]), core.rand([3, 4]), core.rand([3, 4])],
  () => [[core.rand([3, 4]), core.rand([3, 4])]],
  () => [core.arange(4, { dtype: 'int32' }), core.arange(4, { dtype: 'int32' })],
  () => [core.arange(4, { dtype: 'int32' })],
  () => [core.rand([2, 3, 8, 8]), 2],
  () => [core.rand([2, 3, 8, 8])],
  () => [core.rand([2, 3, 8])],
  () => [core.rand([2, 3, 8]), 2],
  () => [core.rand([4])],
  () => [core.rand([4]), core.rand([4])],
  () => [4],
  () => [[3, 4]],
  () => [[3, 4], 1],
];

const r = (...shape: number[]): Tensor => core.rand(shape);
const indices = (...values: number[]): Tensor => core.tensor(values, { dtype: 'int32' });

/** Calls of functions that none of the trials fits. */
const calls: Readonly<Record<string, () => unknown[]>> = {
  addmv: () => [r(3), r(3, 4), r(4)],
  asStrided: () => [r(3, 4), [2, 2], [4, 1]],
  asStridedCopy: () => [r(3, 4), [2, 2], [4, 1]],
  asStrided_: () => [r(3, 4), [2, 2], [4, 1]],
  asStridedScatter: () => [r(3, 4), r(2, 2), [2, 2], [4, 1]],
  bmm: () => [r(2, 3, 4), r(2, 4, 5)],
  emptyPermuted: () => [
    [2, 3, 4],
    [0, 2, 1],
  ],
  emptyStrided: () => [
    [3, 4],
    [4, 1],
  ],
  newEmptyStrided: () => [r(2), [3, 4], [4, 1]],
  expandCopy: () => [r(1, 4), [3, 4]],
  gather: () => [r(3, 4), 1, core.zeros([3, 2], { dtype: 'int32' })],
  geometric_: () => [r(3, 4), 0.5],
  indexCopy: () => [r(3, 4), 0, indices(0, 2), r(2, 4)],
  maskedFill: () => [r(3, 4), r(3, 4).gt(0.5), 0],
  maskedScatter: () => [r(3, 4), r(3, 4).gt(0.5), r(12)],
  nonzeroStatic: () => [r(3, 4), { size: 5 }],
  randint: () => [10, [3, 4]],
  renorm: () => [r(3, 4), 2, 0, 1],
  setAt: () => [r(3, 4), [0], 1],
  splitWithSizesCopy: () => [r(3, 4), [1, 2]],
  trilIndices: () => [3, 4],
  triuIndices: () => [3, 4],
  unravelIndex: () => [indices(5, 7), [3, 4]],
  affineGrid: () => [r(2, 2, 3), [2, 3, 8, 8]],
  conv1d: () => [r(2, 3, 8), r(4, 3, 3)],
  conv2d: () => [r(2, 3, 8, 8), r(4, 3, 3, 3)],
  ctcLoss: () => [r(5, 2, 4).logSoftmax(2), core.ones([2, 3], { dtype: 'int32' }), [5, 5], [1, 1]],
  fold: () => [r(2, 12, 4), [3, 3], [2, 2]],
  fractionalMaxPool2d: () => [r(2, 3, 8, 8), 2, { outputSize: 4 }],
  fractionalMaxPool3d: () => [r(2, 3, 8, 8, 8), 2, { outputSize: 4 }],
  gridSampler2d: () => [r(2, 3, 8, 8), r(2, 4, 4, 2)],
  gridSampler3d: () => [r(2, 3, 8, 8, 8), r(2, 4, 4, 4, 3)],
  layerNorm: () => [r(3, 4), [4]],
  linearCrossEntropy: () => [r(3, 4), r(5, 4), indices(0, 1, 2)],
  lpPool1d: () => [r(2, 3, 8), 2, 2],
  lpPool2d: () => [r(2, 3, 8, 8), 2, 2],
  lpPool3d: () => [r(2, 3, 8, 8, 8), 2, 2],
  multiHeadAttentionForward: () => [r(5, 2, 4), r(6, 2, 4), r(6, 2, 4), { numHeads: 2, inProjWeight: r(12, 4), outProjWeight: r(4, 4) }],
  multiMarginLoss: () => [r(3, 4), indices(0, 1, 2)],
  prelu: () => [r(3, 4), r(4)],
  householderProduct: () => [r(4, 3), r(3)],
  orgqr: () => [r(4, 3), r(3)],
  ormqr: () => [r(4, 3), r(3), r(4, 2)],
  chainMatmul: () => [[r(2, 3), r(3, 4), r(4, 5)]],
  luUnpack: () => [r(3, 3), indices(1, 2, 3)],
  ldlSolve: () => [r(3, 3), indices(1, 2, 3), r(3, 2)],
};

/** Functions that answer no tensor, or that would print, wait, or change the state of the program. */
const silent = new Set(['print', 'dispose', 'setRngState', 'manualSeed', 'outsideScopes', 'scope', 'explain', 'profile', 'fromArray']);
const isAsync = (f: Callable): boolean => /^async\b/.test(Function.prototype.toString.call(f));

/** What a function did: the shapes that went in and came out, and the ops that it called. */
interface Shown {
  readonly shapes: string;
  readonly ops: ReadonlySet<Op>;
  /** Whether something came out that can have a gradient. */
  readonly floats: boolean;
}

/** A sample of PyTorch's, and the file that holds its tensors. */
interface Sample {
  readonly test: OperatorCase;
  readonly pack: Pack;
}

const tensorsIn = (value: unknown): Tensor[] => {
  if (value instanceof core.Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? Object.values(value).flatMap(tensorsIn)
    : [];
};
const shapesOf = (values: readonly Tensor[]): string => values.map((x) => `[${x.shape.join(', ')}]`).join(', ') || '–';

/** The ops that stand in a function itself, without those that these are composed of. */
function observed(inputs: readonly unknown[], run: () => unknown): Shown | undefined {
  const ops = new Set<Op>();
  let depth = 0;
  const remove = core.installLayer((op, tensors, attrs, scalars, below) => {
    if (depth === 0) ops.add(op);
    depth++;
    try {
      return below(op, tensors, attrs, scalars);
    } finally {
      depth--;
    }
  });
  try {
    const outputs = tensorsIn(run());
    if (outputs.length === 0) return undefined;
    const floats = outputs.some((x) => core.isFloat(x.dtype));
    return { shapes: `${shapesOf(inputs.flatMap(tensorsIn))} → ${shapesOf(outputs)}`, ops, floats };
  } catch {
    return undefined;
  } finally {
    remove();
  }
}

/** PyTorch's samples by operator. */
function samplesOf(space: Space): Map<string, Sample[]> {
  const found = new Map<string, Sample[]>();
  for (const name of space.samples) {
    const path = file(`../../packages/conformance/cases/${name}`);
    if (!existsSync(`${path}.json`)) continue;
    const pack = new Pack(`${path}.safetensors`);
    for (const test of JSON.parse(readFileSync(`${path}.json`, 'utf8')) as OperatorCase[]) {
      if (test.error !== undefined) continue;
      const key = camelCase(test.op.slice(test.op.lastIndexOf('.') + 1));
      found.set(key, [...(found.get(key) ?? []), { test, pack }]);
    }
  }
  return found;
}

/** How many samples of an operator are looked at for the shapes that show the most. */
const shownSamples = 8;

/** Runs a function on all of its samples: the ops are those of all, the shapes those of one of the first. */
function showSamples(samples: readonly Sample[]): Shown | undefined {
  let best: string | undefined;
  let floats = false;
  const ops = new Set<Op>();
  samples.forEach(({ test, pack }, i) => {
    const decoder = new Decoder(pack, cpu);
    const args = test.args.map((value) => decoder.decode(value));
    const kwargs = decoder.decodeAll(test.kwargs);
    const call = callOf(test, args, kwargs);
    const shown = call && observed([...args, ...Object.values(kwargs)], call);
    if (shown === undefined) return;
    for (const op of shown.ops) ops.add(op);
    floats ||= shown.floats;
    // Sizes of 0 show less than others.
    const isBetter = best === undefined || (shown.shapes.length > best.length && !/\b0\b/.test(shown.shapes)) || /\b0\b/.test(best);
    if (best === undefined || (i < shownSamples && isBetter)) best = shown.shapes;
  });
  return best === undefined ? undefined : { shapes: best, ops, floats };
}

function show(name: string, f: Callable, samples: readonly Sample[]): Shown | undefined {
  const shown = showSamples(samples);
  if (shown !== undefined) return shown;
  if (silent.has(f.name) || isAsync(f)) return undefined;
  for (const trial of Object.hasOwn(calls, name) ? [calls[name]] : trials) {
    core.manualSeed(0);
    const args = trial();
    const shown = observed(args, () => f(...args));
    if (shown !== undefined) return shown;
  }
  return undefined;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const list = (names: Iterable<string>): string => [...names].map((name) => `\`${name}\``).join(', ');

/** Which devices have a kernel of their own for some op, by its name. */
export function ownKernels(): Readonly<Record<string, ReadonlySet<string>>> {
  // The table of kernels is made without touching the machine, but for one of its limits.
  return {
    cpu: new Set(Object.keys((cpu as Device).optional)),
    webgpu: new Set(Object.keys(webgpuKernels({ limits: { maxStorageBuffersPerShaderStage: 8 } } as never))),
  };
}

/** How the derivative of a function comes about. */
function derivative({ ops, floats }: Shown, name: string): string {
  if (!floats) return 'none';
  const all = [...ops].filter((op) => op.name !== 'full' && op.name !== 'arange');
  if (all.length === 0) return 'the identity, or none';
  const own = all.find((op) => op.name === name);
  const carries = (op: Op): boolean => !op.constant && op.mutates === undefined && (op.vjp !== undefined || op.compose !== undefined);
  if (own !== undefined && !carries(own)) return 'none';
  const parts = all.filter((op) => op !== own && carries(op) && (own === undefined || (op.view === undefined && op.name !== 'cast')));
  const names = list(parts.map((op) => op.name).sort());
  if (own === undefined) return names === '' ? 'none' : `through ${names}`;
  const itself = own.vjp === undefined ? 'that of its composition' : 'its own, see below';
  return names === '' ? itself : `${itself}; with some arguments also through ${names}`;
}

function kernels({ ops }: Shown, own: ReturnType<typeof ownKernels>): string {
  const names = [...ops].map((op) => op.name);
  return Object.entries(own)
    .map(([device, has]) => [device, names.filter((name) => has.has(name))] as const)
    .filter(([, has]) => has.length > 0)
    .map(([device, has]) => `${device}: ${list(has.sort())}`)
    .join('; ');
}

/** The rows of the table of one space. @param documented - first sentences of docstrings by name */
export function functionRows(space: Space, documented: ReadonlyMap<string, string>, machinery: ReadonlySet<string>): string[] {
  core.setDefaultDevice(cpu);
  const samples = samplesOf(space);
  const own = ownKernels();
  return Object.entries(space.ours)
    .filter(
      (entry): entry is [string, Callable] =>
        typeof entry[1] === 'function' && !machinery.has(entry[0]) && !/^class\b/.test(Function.prototype.toString.call(entry[1])),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, f]) => {
      const shown = show(name, f, samples.get(name) ?? samples.get(name.replace(/_$/, '')) ?? []);
      const { positional, options, rest } = parametersOf(f as (...args: never[]) => unknown);
      const parameters = [...positional.map((p) => p.replace(/\W.*/s, '')).filter((p) => p !== ''), ...(options || rest ? ['…'] : [])];
      const formula = documented.get(name) ?? documented.get(f.name) ?? '';
      const theirs = pytorchName(name, space.theirs);
      return `| \`${name}(${parameters.join(', ')})\` | ${theirs === undefined ? '–' : `\`${theirs}\``} | ${cell(formula)} | ${shown?.shapes ?? (isAsync(f) ? 'as without Async' : 'no tensor comes out')} | ${shown === undefined ? 'none' : derivative(shown, name)} | ${(shown && kernels(shown, own)) || '–'} |`;
    });
}
