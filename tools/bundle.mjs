// Joins the compiled modules of a package into dist/node/index.js, which its export for Node names: a program that imports Flambeau then reads
// a dozen files instead of hundreds, which is most of the time to its first result. Bundlers keep to the modules, so that they can shake them.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, transform } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders of packages whose package.json has an export for the condition `node`. */
export const bundled = ['core', 'autograd', 'backend-cpu', 'nn', 'optim', 'data', 'serialization'];

/** Comments are read at every start, and one letter beyond Latin-1 in them doubles a file in memory. */
const withoutComments = {
  name: 'without comments',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => ({
      contents: (await transform(await readFile(path, 'utf8'), { minifyWhitespace: true })).code,
    }));
  },
};

/** Bundles one package from what tsc has emitted. @throws Error when the package does not export the bundle */
async function bundle(folder) {
  const path = `${root}packages/${folder}`;
  const manifest = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'));
  const target = './dist/node/index.js';
  if (manifest.exports['.'].node !== target) throw new Error(`${folder}: expected package.json to export ${target} for the condition node`);
  const external = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies });
  const { outputFiles } = await build({
    entryPoints: [`${path}/dist/index.js`],
    outdir: `${path}/dist/node`,
    bundle: true,
    // What a program loads when it first uses it (`await import`) stays in files of its own.
    splitting: true,
    external: ['node:*', ...external, ...external.map((name) => `${name}/*`)],
    platform: 'neutral',
    conditions: ['node'],
    format: 'esm',
    target: 'node20',
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [withoutComments],
    write: false,
  });
  rmSync(`${path}/dist/node`, { recursive: true, force: true });
  mkdirSync(`${path}/dist/node`);
  for (const file of outputFiles) writeFileSync(file.path, namesOfClasses(file.text));
}

/**
 * Classes keep their names, which they print: the bundler calls one that speaks of itself `_Name` inside, and one that shares its name with a
 * global `Name2`.
 */
function namesOfClasses(code) {
  const exported = new Map([...code.matchAll(/^ {2}(\w+) as (\w+),?$/gm)].map(([, local, name]) => [local, name]));
  return [...code.matchAll(/^var (\w+) = class(?: (\w+))?(?= extends | \{)/gm)].reduce((text, [header, local, inner]) => {
    const name = exported.get(local) ?? local;
    if (inner === undefined && name === local) return text;
    const named = text.replace(header, `var ${local} = class ${inner ?? name}`);
    return inner === undefined ? named : named.replace(new RegExp(`\\b${inner}\\b`, 'g'), name);
  }, code);
}

/** @throws Error where an exported class came out under another name */
async function checkNames(folder) {
  const target = `${root}packages/${folder}/dist/node/index.js`;
  const exports = await import(pathToFileURL(target).href);
  for (const [name, value] of Object.entries(exports)) {
    if (typeof value === 'function' && /^[A-Z]/.test(name) && value.name !== name)
      throw new Error(`${target}: the class ${name} came out as ${value.name}`);
  }
}

/** Bundles them all, after `tsc -b`. */
export async function bundleAll() {
  for (const folder of bundled) await bundle(folder);
  for (const folder of bundled) await checkNames(folder);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleAll();
