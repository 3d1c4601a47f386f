// `pnpm docs:operators`: writes docs/operators.md from the op table and the docstrings; the suite compares it with what stands there.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { definedOps, type Op } from '@flambeau/core';
import '@flambeau/autograd';
import '@flambeau/linalg';
import '@flambeau/nn';
import '@flambeau/optim';
import '@flambeau/special';
import { functionRows, ownKernels, pytorchName, spaces } from './functions.ts';
import { machinery } from '../../packages/conformance/src/machinery.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const packages = ['core', 'nn', 'optim', 'linalg', 'special', 'autograd'];

/** First sentences of the docstrings of exported functions and ops, by name. */
function docstrings(): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of packages) {
    for (const file of readdirSync(`${root}packages/${name}/src`, { recursive: true, encoding: 'utf8' }).sort()) {
      if (!file.endsWith('.ts')) continue;
      const text = readFileSync(`${root}packages/${name}/src/${file}`, 'utf8');
      for (const [, comment, symbol] of text.matchAll(
        /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*export (?:async )?(?:function|const|class) (\w+)/g,
      )) {
        const sentence = comment.replaceAll(/^\s*\* ?/gm, ' ').replaceAll(/\s+/g, ' ').trim(); // prettier-ignore
        const summary = sentence.replace(/ ?@(?:param|returns|throws|see|example)\b.*$/, '').trim();
        const shapes = [...sentence.matchAll(/@(?:param (\w+) - |(returns) )(shapes? [^@;]*)/g)].map(
          ([, argument, , shape]) => `${argument === undefined ? '→' : argument} ${shape.trim()}`,
        );
        if (!found.has(symbol))
          found.set(
            symbol,
            shapes.length === 0 ? summary : `${summary} Shapes: ${shapes.map((part) => part.replace(/ shapes? /, ' ')).join('; ')}`,
          );
      }
    }
  }
  return found;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** Source text on one line, cut where a table can take no more. */
function code(source: string): string {
  const line = source.replaceAll(/\s+/g, ' ').trim();
  return `\`${(line.length <= 160 ? line : `${line.slice(0, 157)}...`).replaceAll('`', "'")}\``;
}

const elementwise = ['elementwise', 'rounding', 'arithmetic', 'pointwise', 'comparison']
  .flatMap((name) => {
    try {
      return [readFileSync(`${root}packages/core/src/ops/${name}.ts`, 'utf8')];
    } catch {
      return [];
    }
  })
  .join('\n');

/** The rule that a table of elementwise functions gives to an op. */
function tableRule(name: string): string | undefined {
  const unary = new RegExp(`defineUnary\\(\\s*'${name}',\\s*of\\w+\\(([\\s\\S]*?)\\),?\\s*\\);`).exec(elementwise);
  if (unary !== null) return unary[1];
  const binary = new RegExp(`defineBinary\\(\\s*'${name}',[\\s\\S]*?rule: \\{([\\s\\S]*?)\\},?\\s*\\}\\s*\\);`).exec(elementwise);
  return binary === null ? undefined : binary[1].replaceAll(/\w+Uses: \[[^\]]*\],?/g, '');
}

/** The rule of a derivative as its source says it, on one line. */
function derivativeOf(op: Op): string {
  if (op.constant) return 'none: piecewise constant';
  if (op.mutates !== undefined) return 'none: it changes its inputs';
  if (op.vjp === undefined) return op.compose === undefined ? 'none' : 'that of its composition';
  return code(tableRule(op.name) ?? op.vjp.toString());
}

function kindOf(op: Op): string {
  if (op.view !== undefined) return 'view';
  return op.kernel !== undefined ? 'kernel' : 'composition';
}

const everywhere = ['torch', 'torch.Tensor', 'torch.nn.functional', 'torch.linalg', 'torch.special'];

function opRows(docs: ReadonlyMap<string, string>): string[] {
  const own = Object.entries(ownKernels());
  return [...definedOps().values()]
    .filter((op) => !op.name.includes('#'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((op) => {
      const doc = docs.get(op.name) ?? docs.get(`${op.name}_`) ?? docs.get(`${op.name}Op`) ?? '';
      const devices = own.filter(([, has]) => has.has(op.name)).map(([device]) => device);
      const kernels = [...(op.kernel === undefined ? [] : ['every backend']), ...devices.map((device) => `${device} its own`)].join('; ');
      const theirs = pytorchName(op.name, everywhere);
      const shapes =
        op.view === undefined ? (op.infer === undefined ? 'those of its parts' : code(op.infer.toString())) : code(op.view.toString());
      return `| \`${op.name}\` | ${theirs === undefined ? '–' : `\`${theirs}\``} | ${cell(doc)} | ${cell(shapes)} | ${kindOf(op)} | ${kernels} | ${cell(derivativeOf(op))} |`;
    });
}

/** The text of docs/operators.md. */
export function operatorsPage(): string {
  const docs = docstrings();
  return [
    '# Functions and operators',
    '',
    'Every public function, and below every op of the table that they are made of. Written by `pnpm docs:operators` from the definitions, the',
    "docstrings and PyTorch's samples; the suite checks that it is current.",
    '',
    '## Functions',
    '',
    "PyTorch's name comes from a table of what PyTorch 2.13 has; `–` stands where it has no such function. The shapes are those of a call, inputs",
    'before the arrow. *Its own* derivative is a rule in the table of ops; *through* says which ops carry it, each with the rule given there. The',
    'last column names the backends that have a kernel of their own for a part of the function; the required kernels run on every backend.',
    ...spaces.flatMap((space) => [
      '',
      `### ${space.title}`,
      '',
      '| function | PyTorch | what it computes | shapes in a call | derivative | own kernels |',
      '| --- | --- | --- | --- | --- | --- |',
      ...functionRows(space, docs, machinery),
    ]),
    '',
    '## Ops',
    '',
    'A *view* is another layout over the same storage, a *kernel* runs on every backend, a *composition* is made of other ops; a backend may have',
    'a kernel of its own for it. The derivative is the rule as the source has it, from the gradients of the outputs (`cotangents`) to those of the',
    'inputs; where there is none of its own, the parts have theirs.',
    '',
    '| op | PyTorch | what it computes | shapes and dtypes of the outputs, or the layout of a view | kind | kernel | derivative |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...opRows(docs),
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(`${root}docs/operators.md`, operatorsPage());
