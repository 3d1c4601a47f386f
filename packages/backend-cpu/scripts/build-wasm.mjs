// Builds the WebAssembly with clang and wasm-ld and embeds it into src/generated/wasm.ts. With --check it only compares: the committed file
// must be what Debian's clang 14 makes of the source.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { commonFlags, inParallel, kernelFiles, native, root, run } from './sources.mjs';

const check = process.argv.includes('--check');
const target = `${root}src/generated/wasm.ts`;

function findClang() {
  for (const name of ['clang-14', 'clang']) {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status === 0) return { name, version: stdout.split('\n')[0] };
  }
  return undefined;
}

// Small code counts here: it is embedded and sent to browsers. One vector at a time is as fast as four on most machines.
const flags = [
  ...commonFlags, '-fno-unroll-loops', '-mllvm', '-force-vector-interleave=1', '--target=wasm32', '-nostdlib', '-ffreestanding', '-msimd128', '-mbulk-memory', '-mnontrapping-fptoint', '-Wno-pass-failed',
  '-DFLAMBEAU_NAMESPACE=flambeau_wasm', '-DFLAMBEAU_LANES=4',
]; // prettier-ignore

/** Files whose loops convert or move single elements, or run seldom: vectors and unrolling would only make them larger. */
const small = new Set(
  ['convert', 'copy', 'create', 'elementwise', 'indexing', 'matmul', 'scan', 'sort'].map((name) => `kernels/${name}.cc`),
);
/** Files whose loops the compiler finds by itself; -O3 would copy them for every case. */
const plain = new Set(['binary', 'unary'].map((name) => `kernels/${name}.cc`));
/** Files whose loops are written with vectors, or call those that are: unrolling and inlining gain them little beside their size. */
const written = new Set(
  ['argReduce', 'loss', 'normalization', 'optimizer', 'pooling', 'product', 'reduce', 'slices', 'softmax'].map(
    (name) => `kernels/${name}.cc`,
  ),
);
/** Files that lead to loops of others, in product.cc above all: everything in them is made small. */
const leading = new Set(['attention', 'convolution', 'convolutionPool', 'gru', 'recurrent'].map((name) => `kernels/${name}.cc`));
const extra = (file) =>
  small.has(file) ? ['-O2', '-fno-vectorize'] : leading.has(file) ? ['-Oz'] : written.has(file) ? ['-Os'] : plain.has(file) ? ['-O2'] : [];

export async function buildWasm(clang) {
  const folder = `${root}build/wasm-${process.pid}/`;
  mkdirSync(folder, { recursive: true });
  try {
    const objects = [];
    const jobs = [...kernelFiles(), 'wasm.cc'].map((file) => {
      const object = `${folder}${file.replaceAll('/', '-')}.o`;
      objects.push(object);
      return () => run(clang, [...flags, ...extra(file), '-c', `${native}${file}`, '-o', object]);
    });
    await inParallel(jobs);
    const module = `${folder}flambeau.wasm`;
    await run('wasm-ld', [
      '--no-entry',
      '--strip-all',
      '--gc-sections',
      '-O2',
      '--stack-first',
      '-z',
      'stack-size=262144',
      '-o',
      module,
      ...objects,
    ]);
    return readFileSync(module);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The text of src/generated/wasm.ts. */
function embed(bytes) {
  const lines = bytes.toString('base64').match(/.{1,200}/g) ?? [];
  return [
    '// Made by scripts/build-wasm.mjs from native/; not to be edited.',
    '/** The kernels as WebAssembly, in base64. */',
    'export const wasmBase64: string = [',
    ...lines.map((line) => `  '${line}',`),
    "].join('');",
    '',
  ].join('\n');
}

const clang = findClang();
if (clang === undefined) {
  console.log('backend-cpu: no clang found; the committed WebAssembly stays as it is');
  if (check) console.log('0 passed, 1 failed');
  process.exitCode = check ? 1 : 0;
} else {
  const bytes = await buildWasm(clang.name);
  const text = embed(bytes);
  if (check) {
    const same = readFileSync(target, 'utf8') === text;
    console.log(
      same
        ? `the embedded WebAssembly is what ${clang.version} makes of the source`
        : `the embedded WebAssembly differs from what ${clang.version} makes of the source: run node packages/backend-cpu/scripts/build-wasm.mjs`,
    );
    console.log(same ? '1 passed, 0 failed' : '0 passed, 1 failed');
    process.exitCode = same ? 0 : 1;
  } else {
    mkdirSync(`${root}src/generated`, { recursive: true });
    writeFileSync(target, text);
    console.log(`backend-cpu: embedded ${bytes.length} bytes of WebAssembly, made by ${clang.version}`);
  }
}
