// The table of ops in docs/operators.md: what each is for, the shapes it makes, and its derivative as the source has it.
import { definedOps, type Op, type Spec } from '@flambeau/core';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formulaOf } from './derivatives.ts';
import { ownKernels, pytorchName } from './functions.ts';
import { argumentsAfter, closing, onOneLine, withoutNames } from './source.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The packages that define ops or public functions of tensors. */
export const packages = ['core', 'nn', 'optim', 'linalg', 'special', 'autograd'];

/** The text of every source file of these packages. */
export const sources: readonly string[] = packages.flatMap((name) =>
  readdirSync(`${root}packages/${name}/src`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => readFileSync(`${root}packages/${name}/src/${file}`, 'utf8')),
);
const allSources = sources.join('\n');

/** Ops that stand behind a function of another name, or behind none. */
const abouts: Readonly<Record<string, string>> = {
  embedSlice: 'Zeros of a given shape, with each part at its `start`, `start + step`, ... of `dim`: the transpose of `slice`.',
  linalgComplete: 'Columns that complete those of a matrix to an orthonormal basis.',
  linalgPermutation: 'The permutation matrix of the pivots of an LU decomposition.',
  nuclearNorm: 'The sum of the singular values of each matrix.',
  rnnRelu: 'As `rnnTanh`, with `max(0, x)` in the place of tanh.',
  scatter_add: 'A copy of x to which the source is added at the places of the index along `dim`.',
  scatter_max:
    'A copy of x in which the source, at the places of the index along `dim`, replaces what is smaller; NaN counts as the largest.',
  scatter_min:
    'A copy of x in which the source, at the places of the index along `dim`, replaces what is larger; NaN counts as the smallest.',
  scatter_prod: 'A copy of x multiplied by the source at the places of the index along `dim`.',
  scatter_set: 'A copy of x with the source at the places of the index along `dim`.',
  shiftLeft: 'The bits of a moved up by b places.',
  shiftRight: 'The bits of a moved down by b places, filled with those of its sign.',
  toDevice: 'The same elements on another device.',
  truncDivide: 'The quotient, rounded towards zero.',
};

/** What one of an op's name is said to be, for ops that come in a family. */
const families: readonly (readonly [pattern: RegExp, about: (match: RegExpExecArray) => string])[] = [
  [/^conv(\d)dInputGrad$/, ([, n]) => `Gradient of \`conv${n}d\` with respect to its input, from that of the result and the weight.`],
  [/^conv(\d)dWeightGrad$/, ([, n]) => `Gradient of \`conv${n}d\` with respect to its weight, from that of the result and the input.`],
  [/^maxPool(\d)dGrad$/, ([, n]) => `Gradient of \`maxPool${n}d\`, from that of the maxima and their places.`],
  [/^special(\w+)Derivative$/, ([, name]) => `The derivative of \`special.${lowered(name)}\` with respect to x.`],
];

/** The shapes of the inputs of ops that write over them: such an op has no outputs. */
const inPlace: Readonly<Record<string, string>> = {
  assign: 'no output; the value broadcasts to the shape of the target',
  adafactorStep:
    'no output; param and grad have one shape, the variance of a vector too; for [..., m, n] it is rows [..., m, 1] and columns [..., 1, n]',
  muonStep: 'no output; all inputs have the shape [m, n] of the parameter',
  rmspropStep: 'no output; all inputs have the shape of the parameter, a mean or buffer that is not in use too',
  adamSteps: 'no output; the five inputs of a parameter have its shape',
  sgdSteps: 'no output; the three inputs of a parameter have its shape',
};

const lowered = (name: string): string => `${name[0].toLowerCase()}${name.slice(1)}`;
/** The name of the function in `linalg` or `special` that an op of theirs is for. */
const plain = (name: string): string | undefined => {
  const [, rest] = /^(?:linalg|special)([A-Z]\w*)$/.exec(name) ?? [];
  return rest === undefined ? undefined : lowered(rest);
};

/** Docstrings that stand above a definition that is not exported. */
function ownDocstring(name: string): string | undefined {
  const above = new RegExp(
    `/\\*\\*((?:[^*]|\\*(?!/))*)\\*/\\s*(?:export )?const \\w+(?:: [^=]*)? = define\\w*(?:<[^(]*>)?\\(\\s*(?:\\{\\s*name: )?'${name}'`,
  ).exec(allSources);
  return above?.[1].replaceAll(/^\s*\* ?/gm, ' ').replaceAll(/\s+/g, ' ').replace(/ ?@(?:param|returns|throws|see|example)\b.*$/, '').trim(); // prettier-ignore
}

/** What an op computes; empty where nothing says so. */
function aboutOf(name: string, docs: ReadonlyMap<string, string>): string {
  for (const [pattern, about] of families) {
    const match = pattern.exec(name);
    if (match !== null) return about(match);
  }
  const short = plain(name);
  return (
    abouts[name] ??
    docs.get(name) ??
    docs.get(`${name}_`) ??
    docs.get(`${name}Op`) ??
    ownDocstring(name) ??
    (short === undefined ? undefined : docs.get(short)) ??
    ''
  );
}

/** Parameters of a factory in the text of what it made, as their values in this op. */
function settled(name: string, text: string): string {
  const [, kind, n] = /^(conv|maxPool|avgPool)(\d)d/.exec(name) ?? [];
  if (kind === undefined) return text;
  if (kind !== 'conv') return text.replaceAll(/(?<![\w.])dims\b(?!:)/g, n);
  return text
    .replaceAll(/(?<![\w.])toInput\b/g, `conv${n}dInputGrad`)
    .replaceAll(/(?<![\w.])toWeight\b/g, `conv${n}dWeightGrad`)
    .replaceAll(/(?<![\w.])conv(?=,)/g, `conv${n}d`);
}

const code = (source: string): string => `\`${onOneLine(source).replaceAll('`', "'")}\``;

/** The value of a name that a rule was given by. */
function valueOf(rule: string): string {
  if (!/^\w+$/.test(rule)) return rule;
  const definition = new RegExp(`^const ${rule}(?:: \\w+)? = ([^;]*);`, 'm').exec(allSources);
  if (definition === null) throw new Error(`no definition of the rule ${rule}`);
  return definition[1];
}

/** The rules of both operands, out of an object that has others of its fields before them. */
const bothSides = (object: string): string =>
  object
    .slice(object.search(/\bleft(?:Uses)?:/), closing(object, object.indexOf('{')))
    .replaceAll(/\w+Uses: \[[^\]]*\],?/g, '')
    .trim()
    .replace(/,$/, '');

/** The rules of maximum and minimum, which are made by a function: the winner takes the gradient, and both have a half at a tie. */
const extremes: Readonly<Record<string, string>> = {
  'extremeRule(greater)':
    'left: (g, a, b) => mul(g, add(a.gt(b), mul(a.eq(b), 0.5))), right: (g, a, b) => mul(g, add(b.gt(a), mul(a.eq(b), 0.5)))',
  'extremeRule(less)':
    'left: (g, a, b) => mul(g, add(a.lt(b), mul(a.eq(b), 0.5))), right: (g, a, b) => mul(g, add(b.lt(a), mul(a.eq(b), 0.5)))',
};

/** The rule that a factory was called with for an op; undefined where its `vjp` says everything. */
function factoryRule(name: string): string | undefined {
  const given = (factory: string, key = `'${name}'`): readonly string[] | undefined => argumentsAfter(allSources, factory, key);
  const unary = given('defineUnary');
  if (unary !== undefined) {
    const rule = valueOf(unary[1]);
    const start = rule.indexOf('(');
    return rule.startsWith('of') ? rule.slice(start + 1, closing(rule, start)) : rule;
  }
  const binary = given('defineBinary');
  if (binary !== undefined) {
    const rule = /\brule: (?:\{|(extremeRule\(\w+\))|(\w+))/.exec(binary[1]);
    if (rule === null) return undefined;
    const [, extreme, constant] = rule;
    if (extreme !== undefined) return extremes[extreme];
    return bothSides(constant === undefined ? binary[1].slice(rule.index) : valueOf(constant));
  }
  const pair = given('defineComposedPair');
  if (pair !== undefined) return bothSides(pair[1]);
  const composed = given('defineComposedUnary') ?? given('defineHostUnary', `'${plain(name)}'`);
  if (composed !== undefined) return composed[2];
  const [, order] = /^i([01])$/.exec(name) ?? [];
  return order === undefined ? undefined : given('defineBessel', order)?.[1];
}

const refused = 'none: refused with an error';

/** The rule of a derivative as its source says it, on one line. */
function derivativeOf(op: Op): string {
  if (op.constant) return 'none: piecewise constant';
  if (op.mutates !== undefined) return 'none: it changes its inputs';
  if (op.vjp === undefined) return op.compose === undefined ? 'none' : 'that of its composition';
  const formula = formulaOf(op.name);
  if (formula !== undefined) return formula.startsWith('none') ? formula : code(formula);
  const [, polynomial, derivative] = /^special(\w+Polynomial[A-Z]e?)(Derivative)?$/i.exec(op.name) ?? [];
  if (polynomial !== undefined)
    return derivative === undefined ? `${code(`(g, x, n) => g.mul(special${polynomial}Derivative(x, n))`)}, and none for n` : refused;
  const rule = factoryRule(op.name);
  if (rule?.startsWith('refuse(') === true || op.name.startsWith('linalgLdl')) return refused;
  return code(rule === undefined ? settled(op.name, withoutNames(op.vjp.toString())) : rule);
}

/** The shapes of an op's results, or the layout of a view, as its source says them. */
function shapesOf(op: Op): string {
  if (op.mutates !== undefined) return inPlace[op.name] ?? 'no output; all inputs have the shape of the parameter';
  if (op.view !== undefined) return code(withoutNames(op.view.toString()));
  if (op.infer === undefined) return 'those of its parts';
  const text = settled(op.name, withoutNames(op.infer.toString()));
  // The elementwise ops share a rule that reads the dtype from the factory's arguments.
  if (!/\bresult\b/.test(text)) return code(text);
  const like: Spec = { shape: [2], dtype: 'float32' };
  const [out] = (op.infer as (inputs: readonly Spec[]) => readonly Spec[])([like, like]);
  return code(out.dtype === 'float32' ? '([x])=>[x]' : `([x])=>[{shape:x.shape,dtype:'${out.dtype}'}]`);
}

function kindOf(op: Op): string {
  if (op.view !== undefined) return 'view';
  return op.kernel !== undefined ? 'kernel' : 'composition';
}

const everywhere = ['torch', 'torch.Tensor', 'torch.nn.functional', 'torch.linalg', 'torch.special'];
const theirName = (name: string): string | undefined => {
  const short = plain(name);
  if (short !== undefined) return pytorchName(short, [name.startsWith('linalg') ? 'torch.linalg' : 'torch.special', 'torch']);
  return pytorchName(name, everywhere);
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** The rows of the table of ops. @param docs - docstrings by the name of what they stand above */
export function opRows(docs: ReadonlyMap<string, string>): string[] {
  const own = Object.entries(ownKernels());
  return [...definedOps().values()]
    .filter((op) => !op.name.includes('#'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((op) => {
      const devices = own.filter(([, has]) => has.has(op.name)).map(([device]) => device);
      const kernels = [...(op.kernel === undefined ? [] : ['every backend']), ...devices.map((device) => `${device} its own`)];
      const theirs = theirName(op.name);
      const cells = [aboutOf(op.name, docs), shapesOf(op), kindOf(op), kernels.join('; ') || '–', derivativeOf(op)];
      return `| \`${op.name}\` | ${theirs === undefined ? '–' : `\`${theirs}\``} | ${cells.map(cell).join(' | ')} |`;
    });
}
