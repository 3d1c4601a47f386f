// Builds the addon with the C++ compiler of the machine, straight on the packages node-api-headers and node-addon-api. Objects are kept by
// the hash of what they are made from, so that nothing is compiled twice. Without a compiler it says so, and the embedded WASM serves.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform } from 'node:process';
import { commonFlags, hash, inParallel, kernelFiles, native, root, run, sourceKey } from './sources.mjs';

const instructionSets = {
  base: { lanes: 4, flags: [] },
  ...(arch === 'x64' && {
    avx2: { lanes: 8, flags: ['-mavx2', '-mfma'] },
    avx512: { lanes: 16, flags: ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', '-mavx2', '-mfma', '-mprefer-vector-width=512'] },
  }),
};

function findCompiler() {
  for (const name of process.env.CXX ? [process.env.CXX] : ['g++', 'c++', 'clang++']) {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status === 0) return { name, version: stdout.split('\n')[0] };
  }
  return undefined;
}

/** Files whose loops convert or move single elements, or run seldom: vectors would only make them larger. */
const small = new Set(['convert', 'copy', 'create', 'indexing', 'matmul', 'scan', 'sort'].map((name) => `kernels/${name}.cc`));
/**
 * g++ makes half as much code with -O2 as with -O3, which copies loops for every case. Vectors are switched on again by hand, without further
 * loops for their ends. clang needs none of this.
 */
const codeSize = (compiler, file, set) =>
  /clang/i.test(compiler.version)
    ? ['-fno-asynchronous-unwind-tables']
    : set === 'base' && arch === 'x64'
      ? ['-Os', '-fno-asynchronous-unwind-tables', '-ftree-vectorize'] // for processors from before 2013
      : small.has(file)
        ? ['-O2', '-fno-asynchronous-unwind-tables']
        : ['-O2', '-fno-asynchronous-unwind-tables', '-ftree-vectorize', '-fvect-cost-model=dynamic', '--param', 'vect-epilogues-nomask=0'];

/** Builds what is not up to date; returns a sentence about it. */
export async function build() {
  if (platform === 'win32') return 'the addon is not built on Windows; the embedded WebAssembly runs';
  const compiler = findCompiler();
  if (compiler === undefined) return 'no C++ compiler (g++ or clang++) found; the embedded WebAssembly runs';
  const require = createRequire(import.meta.url);
  const includes = [require('node-api-headers').include_dir, require('node-addon-api').include_dir.replaceAll('"', '')];
  const objects = `${root}build/objects/`;
  const target = `${root}build/${platform}-${arch}/flambeau.node`;
  mkdirSync(objects, { recursive: true });
  mkdirSync(`${root}build/${platform}-${arch}`, { recursive: true });

  const jobs = [];
  const wanted = [];
  const add = (file, set, flags) => {
    const key = sourceKey(file, compiler.version, flags.join(' '));
    const object = `${objects}${file.replaceAll('/', '-')}-${set}-${key}.o`;
    wanted.push(object);
    if (existsSync(object)) return;
    jobs.push(async () => {
      const temporary = `${object}.${process.pid}`;
      await run(compiler.name, [...flags, '-c', `${native}${file}`, '-o', temporary]);
      renameSync(temporary, object);
    });
  };
  for (const [set, { lanes, flags }] of Object.entries(instructionSets)) {
    for (const file of kernelFiles()) {
      add(file, set, [
        ...commonFlags,
        '-fPIC',
        `-DFLAMBEAU_NAMESPACE=flambeau_${set}`,
        `-DFLAMBEAU_LANES=${lanes}`,
        ...flags,
        ...codeSize(compiler, file, set),
      ]);
    }
  }
  add('addon.cc', 'addon', [
    ...commonFlags, '-fPIC', '-DNAPI_VERSION=8', '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', '-DFLAMBEAU_NAMESPACE=flambeau_addon',
    '-Wno-unused-parameter', ...includes.map((folder) => `-I${folder}`),
  ]); // prettier-ignore

  const stamp = `${root}build/${platform}-${arch}/stamp`;
  const key = hash(...wanted, compiler.version);
  if (jobs.length === 0 && existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return 'the addon is up to date';
  const started = Date.now();
  await inParallel(jobs);
  const temporary = `${target}.${process.pid}`;
  const shared = platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-Wl,-s'];
  await run(compiler.name, [...shared, '-o', temporary, ...wanted]);
  // A rename, so that a process that has the old addon loaded keeps it.
  renameSync(temporary, target);
  writeFileSync(stamp, key);
  const current = new Set(wanted);
  for (const name of readdirSync(objects))
    if (name.endsWith('.o') && !current.has(`${objects}${name}`)) rmSync(`${objects}${name}`, { force: true });
  return `built the addon with ${compiler.version} in ${((Date.now() - started) / 1000).toFixed(1)} s (${jobs.length} files)`;
}

/** Copies the addon into the platform's package, for packing. */
function copyIntoPackage() {
  const addon = `${root}build/${platform}-${arch}/flambeau.node`;
  const folder = `${root}../backend-cpu-${platform}-${arch}`;
  if (!existsSync(folder)) return `there is no package for ${platform}-${arch}`;
  if (!existsSync(addon)) throw new Error(`there is no ${addon}`);
  copyFileSync(addon, `${folder}/flambeau.node`);
  return `copied the addon into backend-cpu-${platform}-${arch}`;
}

// --package also copies the addon into the platform's package; --required makes it an error when there is none.
const options = process.argv.slice(2);
try {
  console.log(`backend-cpu: ${await build()}`);
  if (options.includes('--package')) console.log(`backend-cpu: ${copyIntoPackage()}`);
} catch (error) {
  console.error(`backend-cpu: the addon could not be built; the embedded WebAssembly runs\n${error.message}`);
  process.exitCode = options.includes('--required') ? 1 : 0;
}
