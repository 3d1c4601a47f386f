import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

// The rule that README recommends, in a project of its own that imports Flambeau as a user does.

const root = fileURLToPath(new URL('../..', import.meta.url));
const rule = 'no-floating-promises';
let folder = '';

const reads = [
  'x.item();',
  'x.toArray();',
  'x.data();',
  'x.readData();',
  'save(new Map([["x", x]]), "x.safetensors");',
  'load("x.safetensors");',
];

/** The lines that the linter marks in a program of these statements. */
function marked(statements: readonly string[]): { lines: number[]; text: string } {
  const head = "import { load, ones, save } from 'flambeau';\nconst x = ones(2);\nvoid [load, save];\n";
  writeFileSync(join(folder, 'program.ts'), `${head}${statements.join('\n')}\nexport {};\n`);
  const { stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--type-aware', '--format', 'json', 'program.ts'], { cwd: folder, encoding: 'utf8' }); // prettier-ignore
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; labels: { span: { line: number } }[] }[] };
  const found = diagnostics.filter(({ code }) => code.includes(rule)).map(({ labels }) => labels[0].span.line - head.split('\n').length);
  return { lines: found.sort((a, b) => a - b), text: stdout + stderr };
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flambeau-lint-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, '.oxlintrc.json'), JSON.stringify({ plugins: ['typescript'], categories: { correctness: 'off' }, rules: { [`typescript/${rule}`]: 'error' } })); // prettier-ignore
  // The types come from the sources, so that nothing has to be built first.
  const compilerOptions = { module: 'nodenext', target: 'es2023', lib: ['es2023', 'esnext.disposable', 'dom'], strict: true, noEmit: true, skipLibCheck: true, allowImportingTsExtensions: true, customConditions: ['flambeau-source'], types: [] }; // prettier-ignore
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['program.ts'] }));
  const place = join(folder, 'node_modules/flambeau');
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(join(root, 'packages/flambeau'), place);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('README names the rule', () => {
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(`\`${rule}\``);
});

it('the rule marks every read that nobody awaits, and none that somebody does', () => {
  const careless = marked(reads);
  expect(careless.lines, careless.text).toEqual(reads.map((_, i) => i));
  const careful = marked([...reads.map((read) => `await ${read}`), 'x.itemSync();', 'x.dataSync();']);
  expect(careful.lines, careful.text).toEqual([]);
});
