// `pnpm docs:operators`: writes docs/operators.md from the op table and the docstrings; the suite compares it with what stands there.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { definedOps, type Op } from '@flambeau/core';
import '@flambeau/autograd';
import { cpu } from '@flambeau/backend-cpu';
import '@flambeau/linalg';
import '@flambeau/nn';
import '@flambeau/optim';
import '@flambeau/special';

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
        const sentence = comment.replaceAll(/^\s*\* ?/gm, ' ').replaceAll(/\s+/g, ' ').replace(/ @.*$/, '').trim(); // prettier-ignore
        if (!found.has(symbol)) found.set(symbol, sentence);
      }
    }
  }
  return found;
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
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

/** The text of docs/operators.md. */
export function operatorsPage(): string {
  const docs = docstrings();
  const own = cpu.optional;
  const rows = [...definedOps().values()]
    .filter((op) => !op.name.includes('#'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((op) => {
      const doc = docs.get(op.name) ?? docs.get(`${op.name}_`) ?? docs.get(`${op.name}Op`) ?? '';
      const kernels = op.kernel !== undefined ? 'every backend' : Object.hasOwn(own, op.name) ? 'cpu' : '';
      const both = op.kernel !== undefined && Object.hasOwn(own, op.name) ? 'every backend; cpu its own' : kernels;
      return `| \`${op.name}\` | \`${snakeCase(op.name)}\` | ${cell(doc)} | ${cell(op.infer === undefined ? '' : code(op.infer.toString()))} | ${kindOf(op)} | ${both} | ${cell(derivativeOf(op))} |`;
    });
  return [
    '# Operators',
    '',
    'Every op of the table, from its definition and its docstring. A *view* is another layout over the same storage, a *kernel* runs on every',
    'backend, a *composition* is made of other ops; a backend may have a kernel of its own for it. The derivative is the rule as the source has',
    'it, from the gradients of the outputs (`cotangents`) to those of the inputs; where there is none of its own, the parts have theirs. Many',
    'functions are not ops but plain compositions, and are documented where they stand. Written by `pnpm docs:operators`.',
    '',
    '| op | PyTorch | what it computes | shapes and dtypes of the outputs | kind | kernel | derivative |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(`${root}docs/operators.md`, operatorsPage());
