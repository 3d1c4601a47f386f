// Builds the addon with the C++ compiler of the machine, straight on the packages node-api-headers and node-addon-api. MPI is not needed for
// it: the addon opens libmpi when it runs.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const native = `${root}native/`;
const folder = `${root}build/${platform}-${arch}`;
const target = `${folder}/distributed.node`;
const flags = [
  '-std=c++17', '-O2', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden', '-Wall', '-Wextra', '-Wno-unused-parameter', '-fPIC',
  '-DNAPI_VERSION=8', '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
]; // prettier-ignore

function findCompiler() {
  for (const name of process.env.CXX ? [process.env.CXX] : ['g++', 'c++', 'clang++']) {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    if (status === 0) return { name, version: stdout.split('\n')[0] };
  }
  return undefined;
}

/** Builds the addon if it is not up to date; returns a sentence about it. */
function build() {
  if (platform === 'win32') return 'the addon is not built on Windows; a group of one process runs without it';
  const compiler = findCompiler();
  if (compiler === undefined) return 'no C++ compiler (g++ or clang++) found; a group of one process runs without the addon';
  const require = createRequire(import.meta.url);
  const includes = [require('node-api-headers').include_dir, require('node-addon-api').include_dir.replaceAll('"', '')];
  const files = readdirSync(native).sort();
  const key = createHash('sha256').update(compiler.version).update(flags.join(' '));
  for (const file of files) key.update(file).update(readFileSync(`${native}${file}`));
  const stamp = key.digest('hex');
  if (existsSync(target) && existsSync(`${folder}/stamp`) && readFileSync(`${folder}/stamp`, 'utf8') === stamp)
    return 'the addon is up to date';
  mkdirSync(folder, { recursive: true });
  const started = Date.now();
  const temporary = `${target}.${process.pid}`;
  const sources = files.filter((file) => file.endsWith('.cc')).map((file) => `${native}${file}`);
  const link = platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-Wl,-s', '-ldl', '-lrt', '-pthread'];
  const compile = [...flags, ...includes.map((include) => `-I${include}`), ...sources, '-o', temporary, ...link];
  const { status, stderr } = spawnSync(compiler.name, compile, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  // A rename, so that a process that has the old addon loaded keeps it.
  renameSync(temporary, target);
  writeFileSync(`${folder}/stamp`, stamp);
  return `built the addon with ${compiler.version} in ${((Date.now() - started) / 1000).toFixed(1)} s`;
}

/** Copies the addon into the platform's package, for packing. */
function copyIntoPackage() {
  const packaged = `${root}../distributed-${platform}-${arch}`;
  if (!existsSync(packaged)) return `there is no package for ${platform}-${arch}`;
  copyFileSync(target, `${packaged}/distributed.node`);
  return `copied the addon into distributed-${platform}-${arch}`;
}

// --package also copies the addon into the platform's package; --required makes it an error when there is none.
const options = process.argv.slice(2);
try {
  console.log(`distributed: ${build()}`);
  if (options.includes('--package')) console.log(`distributed: ${copyIntoPackage()}`);
} catch (error) {
  console.error(`distributed: the addon could not be built; only groups of one process will run\n${error.message}`);
  process.exitCode = options.includes('--required') ? 1 : 0;
}
