import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runTogether, type Ran } from './programs/run.ts';

// Every `ts` block of the READMEs and docs runs: the blocks of a file one after the other, as one program, so that later ones may use
// what earlier ones made. A line comment `// → text` after a console.log says what it prints, and is compared.
const root = new URL('../../', import.meta.url).pathname;
const scratch = join(root, 'tools/test/.examples');

const documents = [
  'README.md',
  ...readdirSync(join(root, 'packages')).map((folder) => `packages/${folder}/README.md`),
  ...(existsSync(join(root, 'docs')) ? readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`) : []),
].filter((file) => existsSync(join(root, file))); // prettier-ignore

/** The `ts` blocks of a document; ```` ```ts no-run ```` marks one that cannot stand alone, such as a fragment of a definition. */
const blocksOf = (file: string): string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code);

/** Joins blocks into one program: imports first, each name once. */
function program(blocks: readonly string[]): string {
  const imports = new Set<string>();
  const bodies = blocks.map((block) =>
    block.replace(/^import [^;]*?from '[^']+';?\n|^import '[^']+';?\n/gm, (statement) => {
      imports.add(statement.trim());
      return '';
    }),
  );
  return `${[...imports].join('\n')}\n${bodies.map((body, i) => (i === 0 ? body : `\n// next example\n${body}`)).join('')}`;
}

const expectedLines = (blocks: readonly string[]): string[] =>
  blocks.flatMap((block) => [...block.matchAll(/\/\/ → (.*)$/gm)].map(([, text]) => text.trim()));

const runnable = documents.map((file) => ({ file, blocks: blocksOf(file) })).filter(({ blocks }) => blocks.length > 0);

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Where the program of a document stands: in a folder of its own, for what it writes. */
const fileOf = (document: string): string => join(scratch, document.replaceAll(/[^A-Za-z0-9]/g, '_'), 'example.ts');

/** A README says what its package is worth alone, so its program has a process of its own; the pages of docs/ share one. */
const isShared = (document: string): boolean => document.startsWith('docs/');

function runAlone(file: string): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--conditions=flambeau-source', file], {
    cwd: dirname(file),
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { file, stdout, stderr: `${stderr}${status === 0 ? '' : `\nexit ${status}`}` };
}

let shared: ReadonlyMap<string, Ran>;
beforeAll(async () => {
  for (const { file, blocks } of runnable) {
    mkdirSync(dirname(fileOf(file)), { recursive: true });
    writeFileSync(fileOf(file), program(blocks));
  }
  shared = await runTogether(runnable.map(({ file }) => file).filter(isShared).map(fileOf)); // prettier-ignore
});

describe('the examples of', () => {
  it.each(runnable)('$file run', ({ file, blocks }) => {
    const { stdout, stderr } = (isShared(file) ? shared.get(fileOf(file)) : runAlone(fileOf(file))) ?? { stdout: '', stderr: 'not run' };
    expect(stderr).toBe('');
    const printed = stdout.split('\n').map((line) => line.trim());
    // In their order, each after the one before: a line that is printed once does not count twice.
    let from = 0;
    for (const line of expectedLines(blocks)) {
      const at = printed.indexOf(line, from);
      expect(at === -1 ? printed.slice(from) : line).toBe(line);
      from = at + 1;
    }
  });
});
