import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

// What the pages promise beside their examples: links, commands, and a first example of every package.

const root = new URL('../../', import.meta.url).pathname;
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const under = (folder: string): string[] => readdirSync(join(root, folder));

const readmes = ['packages', 'apps'].flatMap((folder) => under(folder).map((name) => `${folder}/${name}/README.md`));
const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) => `docs/${file}`);
const pages = ['README.md', 'CONTRIBUTING.md', ...readmes, ...docs].filter((file) => file.endsWith('.md') && existsSync(join(root, file)));

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
}
const manifestOf = (folder: string): Manifest => JSON.parse(read(join(folder, 'package.json'))) as Manifest;

/** Page and what it names, of all matches of a pattern with one group. */
const named = (pattern: RegExp, text: (file: string) => string = read): { file: string; what: string }[] =>
  pages.flatMap((file) => [...text(file).matchAll(pattern)].map(([, what]) => ({ file, what })));

/** The anchors of a page, as GitHub makes them of its titles. */
const anchorsOf = (file: string): string[] =>
  [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** What stands in code: fenced as `sh`, or between backquotes on a line. */
const codeOf = (file: string): string => {
  const fenced = [...read(file).matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, code]) => code.replaceAll(/#.*$/gm, ''));
  const inline = [
    ...read(file)
      .replaceAll(/^```[\s\S]*?^```/gm, '')
      .matchAll(/`([^`\n]+)`/g),
  ].map(([, code]) => code);
  return [...fenced, ...inline].join('\n');
};

describe('the pages', () => {
  it('link to files and titles that there are', () => {
    const links = named(/\]\(([^)\s]+)\)/g).filter(({ what }) => !/^[a-z]+:/.test(what));
    expect(links.length).toBeGreaterThan(20);
    const dead = links.filter(({ file, what }) => {
      const [path, anchor] = what.split('#');
      const target = path === '' ? file : join(dirname(file), path);
      return !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
    });
    expect(dead).toEqual([]);
  });

  it('name commands that package.json has', () => {
    const scripts = new Set(Object.keys(manifestOf('').scripts ?? {}));
    const own = new Set(['exec', 'install', 'add', 'pack', 'run']);
    const commands = [
      ...named(/\bpnpm ([\w:-]+)/g, codeOf),
      ...named(/\bnpm run ([\w:-]+)/g, codeOf),
      ...named(/\bnpm (start|test)\b/g, codeOf),
    ];
    expect(commands.length).toBeGreaterThan(15);
    expect(commands.filter(({ what }) => !scripts.has(what) && !own.has(what))).toEqual([]);
    const apps = named(/\bpnpm app ([\w-]+)/g, codeOf);
    expect(apps.length).toBeGreaterThan(5);
    expect(apps.filter(({ what }) => !existsSync(join(root, 'apps', what, 'package.json')))).toEqual([]);
  });

  it('install packages that are published from here', () => {
    const published = new Set(under('packages').map((folder) => manifestOf(`packages/${folder}`)).filter((manifest) => manifest.private !== true).map(({ name }) => name)); // prettier-ignore
    const installed = named(/\bnpm install ((?:@?[\w/.-]+ ?)+)/g, codeOf).flatMap(
      ({ file, what }) =>
      what.trim().split(/\s+/).map((name) => ({ file, name })), // prettier-ignore
    );
    expect(installed.length).toBeGreaterThan(15);
    // Dawn for Node is the one package of others that a reader installs.
    expect(installed.filter(({ name }) => !published.has(name) && name !== 'webgpu')).toEqual([]);
  });

  it('show TypeScript that the suite runs, but for the named fragments', () => {
    // `ts` runs in examples.test.ts, `ts gpu` in gpuExamples.test.ts; pytorch-page.test.ts runs the whole of that page.
    const fences = named(/^[ \t]*```(\w[^\n]*)$/gm);
    const others = fences.filter(({ what }) => !['ts', 'sh', 'python', 'json', 'yaml', 'text', 'html'].includes(what));
    expect(others.map(({ file, what }) => `${file} ${what}`)).toEqual([
      'README.md ts gpu',
      'packages/backend-webgpu/README.md ts gpu',
      'packages/vision/README.md ts no-run',
      ...['ts no-run', 'ts no-run', 'ts no-run'].map((what) => `docs/pytorch-models.md ${what}`),
    ]);
  });

  it('show a first example of every published package, and how to install it', () => {
    const folders = under('packages').map((folder) => `packages/${folder}`).filter((folder) => manifestOf(folder).private !== true); // prettier-ignore
    expect(folders.length).toBeGreaterThan(15);
    for (const folder of folders) {
      const { name, os } = manifestOf(folder);
      expect(existsSync(join(root, folder, 'README.md')), folder).toBe(true);
      const text = read(join(folder, 'README.md'));
      const installed = /^npm install (.*?)(?: +#.*)?$/m.exec(text)?.[1].split(' ') ?? [];
      expect(installed, folder).not.toEqual([]);
      // A package of one system's addon is installed by another one, and shows nothing of its own.
      if (os !== undefined) continue;
      const blocks = [...text.matchAll(/^```ts(?: gpu)?\n([\s\S]*?)^```/gm)].map(([, code]) => code);
      const imported = [...(blocks[0] ?? '').matchAll(/^(?:import|.*? from) '(@?[\w/-]+)'/gm)].map(([, from]) => from);
      // The first example uses what the line before installs, which is the package or what contains it.
      expect(
        imported.filter((from) => installed.includes(from)),
        folder,
      ).not.toEqual([]);
      expect(
        [name, 'flambeau'].some((one) => installed.includes(one) && imported.includes(one)),
        folder,
      ).toBe(true);
    }
  });
});
