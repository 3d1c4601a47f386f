import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { formulas } from '../docs/derivatives.ts';

const root = new URL('../../', import.meta.url).pathname;

it('docs/operators.md is what the op table says now (run pnpm docs:operators)', () => {
  const code = "import { operatorsPage } from './tools/docs/operators.ts'; process.stdout.write(operatorsPage());";
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=flambeau-source', '--input-type=module', '-e', code],
    { cwd: root, encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const written = readFileSync(`${root}docs/operators.md`, 'utf8');
  expect(written === stdout ? '' : 'the page is old').toBe('');
  expect(written).toContain('| `tanh(x)` | `torch.tanh` | Hyperbolic tangent. | [20, 20] → [20, 20] | its own, see below |');
  expect(written).toContain('| `tanh` | `torch.tanh` | Hyperbolic tangent. |');
  // All samples of a function are looked at: the reductions are named by different ones.
  expect(written).toMatch(/^\| `indexReduce\(.*through .*`scatter_max`, `scatter_min`, `scatter_prod`/m);
  // What a step writes has a shape too, and the names of special and linalg are found.
  expect(written).toMatch(/^\| `adamStep` .* \| no output; all inputs have the shape of the parameter \|/m);
  expect(written).toMatch(/^\| `specialBesselJ0` \| `torch.special.bessel_j0` \| .* \| `\(g, x\) => g.mul\(besselJ1\(x\)\).neg\(\)` \|$/m);
  expect(written).toMatch(/^\| `linalgQr` \| `torch.linalg.qr` \|/m);
});

/** The cells of the rows of a part of the page, without the rows of titles. */
const rowsOf = (part: string): string[][] =>
  part
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(/(?<!\\) \| /));

it('the written derivatives are those of ops that have one', () => {
  const [, ops] = readFileSync(`${root}docs/operators.md`, 'utf8').split('\n## Ops\n').map(rowsOf);
  const derivatives = new Map(ops.map((cells) => [cells[0].replaceAll('`', ''), cells[6]]));
  for (const [name, formula] of Object.entries(formulas)) {
    expect(derivatives.get(name)?.replaceAll('\\|', '|'), name).toBe(formula.startsWith('none') ? formula : `\`${formula}\``);
  }
  expect(derivatives.get('conv2dWeightGrad')).toBe('`for h the gradient of the result: gg = conv2d(x, h); gx = conv2dInputGrad(g, h)`');
});

it('docs/operators.md has nothing blank, and nothing that is cut, in either table', () => {
  const [functions, ops] = readFileSync(`${root}docs/operators.md`, 'utf8').split('\n## Ops\n').map(rowsOf);
  expect(functions.length).toBeGreaterThan(600);
  expect(ops.length).toBeGreaterThan(250);
  for (const [rows, width] of [
    [functions, 6],
    [ops, 7],
  ] as const) {
    expect(rows.filter((cells) => cells.length !== width || cells.some((text) => text.trim() === '')).map(([name]) => name)).toEqual([]);
    expect(rows.filter(([, ...cells]) => cells.some((text) => /…|\.\.\.`$/.test(text))).map(([name]) => name)).toEqual([]);
  }
  // A derivative is a formula or a line of mathematics, and no program of the source.
  expect(ops.filter((cells) => /cotangents|vjp\(|dispatch|\bneeds\b|=>\s*\{|\bthrow\b/.test(cells[6])).map(([name]) => name)).toEqual([]);
  // No rule stands there in words of the factory that made it, or of the loader.
  expect(ops.filter((cells) => /\brule\.|\bgradient\(|\?\?refuse|__name|\bvoid 0\b/.test(cells.join(' '))).map(([name]) => name)).toEqual(
    [],
  );
});
