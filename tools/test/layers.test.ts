import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { describe, expect, it } from 'vitest';
import { layers } from '../layers.ts';

const root = new URL('../../', import.meta.url).pathname;

interface Manifest {
  name: string;
  private?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  exports?: Record<string, unknown>;
  scripts?: Record<string, string>;
}
const manifests = readdirSync(`${root}packages`)
  .filter((folder) => existsSync(`${root}packages/${folder}/package.json`))
  .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(`${root}packages/${folder}/package.json`, 'utf8')) as Manifest }));
const published = manifests.filter(({ manifest }) => manifest.private !== true);

/** Flambeau packages that the source files of a package import. */
function imported(folder: string): Set<string> {
  const found = new Set<string>();
  const source = `${root}packages/${folder}/src`;
  if (!existsSync(source)) return found;
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(`${source}/${file}`, 'utf8');
    for (const [, name] of text.matchAll(
      /^(?:import|export)\s(?:[^'"]*?from\s*)?'((?:@flambeau\/|flambeau)[^']*)'|import\('((?:@flambeau\/|flambeau)[^']*)'\)/gm,
    ))
      if (name !== undefined) found.add(name);
  }
  return found;
}

describe.each(published)('$manifest.name', ({ folder, manifest }) => {
  const allowed = layers[manifest.name] ?? [];
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies });

  it('has its place among the layers', () => {
    expect(Object.keys(layers)).toContain(manifest.name);
  });

  it('declares only packages that lie below it', () => {
    expect(declared.filter((name) => name.includes('flambeau')).filter((name) => !allowed.includes(name))).toEqual([]);
  });

  it('imports only what it declares', () => {
    expect([...imported(folder)].filter((name) => name !== manifest.name && !declared.includes(name))).toEqual([]);
  });

  it('has one door and no install script', () => {
    if (manifest.exports !== undefined) expect(Object.keys(manifest.exports).filter((key) => key.includes('*'))).toEqual([]);
    expect(Object.keys(manifest.scripts ?? {}).filter((name) => /install|prepare/.test(name))).toEqual([]);
  });

  it('has a README, with a first example where there is something to import', () => {
    const readme = readFileSync(`${root}packages/${folder}/README.md`, 'utf8');
    expect(readme).toMatch(manifest.exports === undefined ? /^# / : /```/);
  });
});

describe('the layers', () => {
  it('have no circle: each package only needs packages that can be built before it', () => {
    const built = new Set<string>();
    for (let grew = true; grew;) {
      grew = false;
      for (const [name, needs] of Object.entries(layers)) {
        if (built.has(name) || !needs.every((need) => built.has(need))) continue;
        built.add(name);
        grew = true;
      }
    }
    expect(Object.keys(layers).filter((name) => !built.has(name))).toEqual([]);
  });
});

/** The packages that a source file names: in imports, in `import()` (not in code that it holds as text) and in what it resolves. Relative and `#` imports are its own. */
function packagesIn(text: string): string[] {
  const names = text.matchAll(
    /^(?:import|export)\s(?:[^'"`;]*?from\s*)?'([@a-z][^']*)'|(?<!`)\bimport\('([@a-z][^']*)'\)|\bresolve\('([^'.#/][^']*)'\)/gm,
  );
  return [...names]
    .map((found) => found[1] ?? found[2] ?? found[3])
    .filter((name) => !isBuiltin(name))
    .map((name) => name.split('/').slice(0, name.startsWith('@') ? 2 : 1).join('/')); // prettier-ignore
}

/** Source files below a folder, without what is built or installed. */
const sources = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.(ts|mjs)$/.test(file) && !/\.d\.ts$|(^|\/)(node_modules|dist)\//.test(file))
        .map((file) => `${folder}/${file}`)
    : [];

const readManifest = (folder: string): Manifest => JSON.parse(readFileSync(`${root}${folder}package.json`, 'utf8')) as Manifest;
/** What the tests of every package may use: the workspace's own tools. */
const tools = ['vitest', 'tsx', 'esbuild', 'playwright-core'];

describe('every import names a package that its package.json declares', () => {
  const folders = ['packages', 'apps'].flatMap((kind) =>
    readdirSync(`${root}${kind}`)
      .filter((folder) => existsSync(`${root}${kind}/${folder}/package.json`))
      .map((folder) => `${kind}/${folder}/`),
  );

  it.each([...folders, ''])('%s', (folder) => {
    const { name: own, dependencies, devDependencies, peerDependencies, optionalDependencies } = readManifest(folder);
    const shipped = [own, ...Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies })];
    const inTests = [...shipped, ...Object.keys(devDependencies ?? {}), ...tools];
    const undeclared = (files: readonly string[], declared: readonly string[]): string[] =>
      files.flatMap((file) =>
        packagesIn(readFileSync(file, 'utf8')).filter((name) => !declared.includes(name)).map((name) => `${file.slice(root.length)}: ${name}`),
      ); // prettier-ignore
    const rest = folder === '' ? ['tools'] : ['test', 'page', 'scripts'].map((part) => `${folder}${part}`);
    expect([...undeclared(sources(`${root}${folder}src`), shipped), ...undeclared(rest.flatMap((part) => sources(`${root}${part}`)), inTests)]).toEqual([]); // prettier-ignore
  });
});
