// Joins the compiled modules of a package into dist/node/index.js, which its export for Node names: a program that imports Flambeau then reads
// a dozen files instead of hundreds, which is most of the time to its first result. Bundlers keep to the modules, so that they can shake them.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders of packages whose package.json has an export for the condition `node`. */
export const bundled = ['core', 'autograd', 'backend-cpu', 'nn', 'optim', 'data', 'serialization'];

/** Bundles one package from what tsc has emitted. @throws Error when the package does not export the bundle */
async function bundle(folder) {
  const path = `${root}packages/${folder}`;
  const manifest = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'));
  const target = './dist/node/index.js';
  if (manifest.exports['.'].node !== target) throw new Error(`${folder}: expected package.json to export ${target} for the condition node`);
  const external = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies });
  await build({
    entryPoints: [`${path}/dist/index.js`],
    outfile: `${path}/${target}`,
    bundle: true,
    external: ['node:*', ...external, ...external.map((name) => `${name}/*`)],
    platform: 'neutral',
    conditions: ['node'],
    format: 'esm',
    target: 'node20',
    legalComments: 'none',
    keepNames: true,
    logLevel: 'warning',
  });
  const file = `${path}/${target}`;
  writeFileSync(file, namesOfClasses(readFileSync(file, 'utf8')));
}

/**
 * Classes keep their names, which they print; functions need not: naming each closure when it is made would cost more than a small op.
 * The bundler calls its helper with `this` in classes only.
 */
function namesOfClasses(code) {
  const helper = /^var __name = .*$/m;
  if (!helper.test(code)) throw new Error('the bundler no longer defines __name in one line');
  const [define] = helper.exec(code);
  return code
    .replaceAll('__name(this,', '__className(this,')
    .replace(helper, `${define.replace('__name', '__className')}\nvar __name = (target) => target;`);
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
