// `pnpm docs:operators`: writes docs/operators.md from the op table and the docstrings; the suite compares it with what stands there.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import '@flambeau/core';
import '@flambeau/autograd';
import '@flambeau/linalg';
import '@flambeau/nn';
import '@flambeau/optim';
import '@flambeau/special';
import { functionRows, spaces } from './functions.ts';
import { opRows, sources } from './ops.ts';
import { machinery } from '../../packages/conformance/src/machinery.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** First sentences of the docstrings of exported functions and ops, by name. */
function docstrings(): Map<string, string> {
  const found = new Map<string, string>();
  for (const text of sources) {
    for (const [, comment, symbol] of text.matchAll(/\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*export (?:async )?(?:function|const|class) (\w+)/g)) {
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
  return found;
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
    'a kernel of its own for it. The derivative goes from the gradient of the result, `g` (`gU` of a result U where there are several), to those of the',
    'inputs: as a formula, `gx` for an input x, or as a function in the way the source has it, of g and then of x, the input, or y, the result.',
    '`left` and `right` are those of the two operands. Where an op has none of its own, the parts have theirs.',
    '',
    '| op | PyTorch | what it computes | shapes and dtypes of the outputs, or the layout of a view | kind | kernel | derivative |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...opRows(docs),
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(`${root}docs/operators.md`, operatorsPage());
