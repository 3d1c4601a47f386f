import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// docs/pytorch-models.md is run from top to bottom in one folder: its Python blocks as one program that grows, its TypeScript blocks as another,
// its shell blocks in a shell. Without PyTorch the Python blocks are skipped, and a file that PyTorch wrote stands in for the first of them.
const root = new URL('../../', import.meta.url).pathname;
const home = join(root, 'tools/test/.pytorch-page');
const folder = join(home, 'digits');
const python = process.env['FLAMBEAU_PYTHON'] ?? 'python3';
const hasTorch = spawnSync(python, ['-c', 'import torch']).status === 0;
const mustHave = process.env['FLAMBEAU_CI'] === '1';

interface Block {
  readonly language: string;
  readonly code: string;
}
const page = readFileSync(join(root, 'docs/pytorch-models.md'), 'utf8');
const blocks: Block[] = [...page.matchAll(/^```(python|ts no-run|sh)\n([\s\S]*?)^```/gm)].map(([, language, code]) => ({ language, code }));

/** Runs a program in the folder and gives what it printed. */
function run(command: string, args: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 55_000,
    env: { ...process.env, HOME: home },
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(status)}:\n${stdout}${stderr}`);
  return stdout.split('\n').map((line) => line.trim());
}

/** All blocks of a language up to one of them as one program, imports first and each name once. */
function programUpTo(block: Block): string {
  const parts = blocks.slice(0, blocks.indexOf(block) + 1).filter(({ language }) => language === block.language).map(({ code }) => code); // prettier-ignore
  if (block.language === 'python') return parts.join('\n');
  const names = new Map<string, Set<string>>();
  const bodies = parts.map((part) =>
    part.replace(/^import \{ ([^}]*) \} from '([^']+)'\n/gm, (_, list: string, from: string) => {
      const known = names.get(from) ?? new Set();
      names.set(from, known);
      for (const name of list.split(', ')) known.add(name);
      return '';
    }),
  );
  return `${[...names].map(([from, list]) => `import { ${[...list].join(', ')} } from '${from}'\n`).join('')}${bodies.join('\n')}`;
}

const expectedLines = (code: string): string[] => [...code.matchAll(/(?:\/\/|#) → (.*)$/gm)].map(([, text]) => text.trim());

beforeAll(() => {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  if (!hasTorch) copyFileSync(join(root, 'packages/serialization/test/fixtures/cnn.pt'), join(folder, 'cnn.pt'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('docs/pytorch-models.md', () => {
  it('has blocks of all three kinds', () => {
    expect(blocks.map(({ language }) => language)).toEqual(['python', 'ts no-run', 'ts no-run', 'python', 'ts no-run', 'sh']);
  });

  blocks.forEach((block, i) => {
    const { language, code } = block;
    const title = `runs its block ${i + 1}, in ${language.split(' ')[0]}`;
    it.skipIf(language === 'python' && !hasTorch && !mustHave)(title, () => {
      let printed: string[];
      if (language === 'sh') printed = run('bash', ['-ec', `pnpm() { shift; node ${root}tools/app.mjs "$@"; }\n${code}`]);
      else if (language === 'python') {
        writeFileSync(join(folder, 'page.py'), programUpTo(block));
        printed = run(python, ['page.py']);
      } else {
        writeFileSync(join(folder, 'page.ts'), programUpTo(block));
        printed = run(process.execPath, ['--import', 'tsx', '--conditions=flambeau-source', 'page.ts']);
      }
      for (const line of expectedLines(code)) expect(printed).toContain(line);
    });
  });

  it('leaves the files that it tells of', () => {
    for (const name of ['checkpoint.pt', 'trained.safetensors', 'cnn.onnx', 'whole.safetensors', 'data.npz', 'more.pt', 'more.onnx'])
      expect(existsSync(join(folder, name)), name).toBe(true);
  });
});
