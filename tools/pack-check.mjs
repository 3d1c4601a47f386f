// `pnpm pack:check`: packs every public package, and uses the tarballs as a stranger would, in empty folders outside the workspace.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'flambeau-pack-'));
let passed = 0;
let failed = 0;

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options });
  return { ok: result.status === 0, output: `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}` };
}

function check(title, { ok, output }) {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${title}`);
  if (!ok)
    console.log(
      output
        .split('\n')
        .map((line) => `     ${line}`)
        .join('\n'),
    );
  return ok;
}

const expectText = (result, text) =>
  result.output.includes(text) ? result : { ok: false, output: `expected ${JSON.stringify(text)} in:\n${result.output}` };

const packages = readdirSync(join(root, 'packages'))
  .map((folder) => ({
    folder: join(root, 'packages', folder),
    manifest: JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')),
  }))
  .filter(({ manifest }) => manifest.private !== true);

console.log('building');
const projects = packages.map(({ folder }) => folder).filter((folder) => existsSync(join(folder, 'tsconfig.json')));
if (!check('every package builds', run('pnpm', ['exec', 'tsc', '-b', ...projects]))) process.exit(1);
if (!check('the modules are joined for Node', run(process.execPath, ['tools/bundle.mjs']))) process.exit(1);

const tarballs = {};
for (const { folder, manifest } of packages) {
  const packed = run('pnpm', ['pack', '--json', '--pack-destination', work], { cwd: folder });
  check(`${manifest.name} packs`, packed);
  const file = readdirSync(work).find(
    (name) => name.startsWith(`${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}`) && name.endsWith('.tgz'),
  );
  if (file === undefined) continue;
  tarballs[manifest.name] = join(work, file);
  const listing = run('tar', ['tzf', tarballs[manifest.name]]).output;
  const wanted = ['package/README.md', 'package/LICENSE'];
  check(`${manifest.name} carries README and LICENSE, and no sources or tests`, {
    ok: wanted.every((name) => listing.includes(name)) && !/package\/(src|test)\//.test(listing),
    output: listing,
  });
  if (manifest.exports === undefined) continue;
  check(`${manifest.name}: publint`, run('pnpm', ['exec', 'publint', '--strict', tarballs[manifest.name]]));
  check(`${manifest.name}: attw`, run('pnpm', ['exec', 'attw', '--profile', 'esm-only', tarballs[manifest.name]]));
}

/** An empty project with some of the tarballs installed by npm. */
function project(name, dependencies, omit) {
  const folder = join(work, name);
  mkdirSync(folder, { recursive: true });
  const file = (dependency) => `file:${tarballs[dependency]}`;
  const overrides = Object.fromEntries(
    Object.keys(tarballs)
      .filter((dependency) => !dependencies.includes(dependency))
      .map((dependency) => [dependency, file(dependency)]),
  );
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({
      name,
      private: true,
      type: 'module',
      dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, file(dependency)])),
      overrides,
    }),
  );
  const installed = run('npm', ['install', '--no-audit', '--no-fund', ...(omit === undefined ? [] : [omit]), '--prefer-offline'], {
    cwd: folder,
  });
  check(`${name}: npm installs ${dependencies.join(' and ')}`, installed);
  return folder;
}

function runProgram(folder, title, code, text, options = {}) {
  writeFileSync(join(folder, 'program.mjs'), code);
  check(title, expectText(run(process.execPath, ['program.mjs'], { cwd: folder, ...options }), text));
}

const product = `import { matmul, setDefaultDevice, tensor } from '@flambeau/core';
DEVICE
const a = tensor([[1, 2], [3, 4]]);
console.log(JSON.stringify(matmul(a, a).toArraySync()));`;

const withoutOptional = '--omit=optional';
const arrays = project('arrays', ['@flambeau/core', '@flambeau/backend-reference'], withoutOptional);
runProgram(
  arrays,
  'core and backend-reference alone multiply two matrices',
  product.replace('DEVICE', "import { reference } from '@flambeau/backend-reference'; setDefaultDevice(reference);"),
  '[[7,10],[15,22]]',
);

const cpuOnly = project('cpu', ['@flambeau/core', '@flambeau/backend-cpu'], withoutOptional);
runProgram(
  cpuOnly,
  'core and backend-cpu fall back to WASM without a compiler, and say so',
  `${product.replace('DEVICE', "import { cpu, cpuInfo } from '@flambeau/backend-cpu'; setDefaultDevice(cpu);")}
const info = cpuInfo();
if (!info.engine.startsWith('wasm')) throw new Error('expected WASM, got ' + JSON.stringify(info));
if (!info.notes.some((note) => note.includes('addon'))) throw new Error('expected a note on the addon, got ' + JSON.stringify(info));`,
  '[[7,10],[15,22]]',
);

const platform = '@flambeau/backend-cpu-linux-x64';
if (process.platform === 'linux' && process.arch === 'x64' && existsSync(join(root, 'packages/backend-cpu-linux-x64/flambeau.node'))) {
  const native = project('native', ['@flambeau/core', '@flambeau/backend-cpu', platform]);
  runProgram(
    native,
    'core and backend-cpu run natively with the addon of their platform',
    `${product.replace('DEVICE', "import { cpu, cpuInfo } from '@flambeau/backend-cpu'; setDefaultDevice(cpu);")}
if (cpuInfo().engine !== 'native') throw new Error('expected native, got ' + JSON.stringify(cpuInfo()));`,
    '[[7,10],[15,22]]',
  );
}

const whole = project('whole', ['flambeau', '@flambeau/vision', '@flambeau/plot'], withoutOptional);
const training = `import { linspace, manualSeed, nn, optim, rand } from 'flambeau';
manualSeed(1);
const x = linspace(-1, 1, 100).unsqueeze(1);
const y = x.pow(2).add(rand(x.size()).mul(0.2));
const net = new nn.Sequential(new nn.Linear(1, 10), new nn.ReLU(), new nn.Linear(10, 1));
const optimizer = new optim.SGD(net.parameters(), { lr: 0.2 });
let last = 1;
for (let i = 0; i < 100; i++) {
  const loss = net.forward(x).sub(y).square().mean();
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  last = loss.itemSync();
}
console.log(last < 0.02 ? 'trained' : 'not trained: ' + last);`;
runProgram(whole, 'flambeau trains the regression net', training, 'trained');

// Workers load the dataset's module by themselves, beside the bundle that the program has loaded.
writeFileSync(
  join(whole, 'numbers.mjs'),
  `import { data, tensor } from 'flambeau';
export class Numbers extends data.Dataset {
  length = 4;
  get(index) { return tensor([index]); }
  workerSource() { return { module: import.meta.url, name: 'Numbers', args: [] }; }
}
export class Shared extends data.IterableDataset {
  *[Symbol.iterator]() {
    const { id, numWorkers } = data.getWorkerInfo();
    for (let i = id; i < 4; i += numWorkers) yield tensor([i]);
  }
  workerSource() { return { module: import.meta.url, name: 'Shared', args: [] }; }
}`,
);
const loading = `import { data } from 'flambeau';
import { Numbers, Shared } from './numbers.mjs';
const seen = [];
for (const dataset of [new Numbers(), new Shared()])
  for await (const batch of new data.DataLoader(dataset, { batchSize: 2, numWorkers: 2 })) seen.push(batch.flatten().toArraySync());
console.log(JSON.stringify(seen));`;
const loaded = '[[0,1],[2,3],[0,2],[1,3]]';
writeFileSync(join(whole, 'loading.mjs'), loading);
check('a DataLoader with workers loads a dataset of a program', expectText(run(process.execPath, ['loading.mjs'], { cwd: whole }), loaded));
check(
  'and so does one on the command line',
  expectText(run(process.execPath, ['--input-type=module', '-e', loading], { cwd: whole }), loaded),
);

writeFileSync(join(whole, 'check.ts'), `${training}\nexport const shape: readonly number[] = x.shape;\n`);
for (const resolution of ['nodenext', 'bundler']) {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: resolution === 'bundler' ? 'esnext' : 'nodenext',
    moduleResolution: resolution,
    lib: ['es2023', 'dom'],
    types: [],
  };
  writeFileSync(join(whole, `tsconfig.${resolution}.json`), JSON.stringify({ compilerOptions, files: ['check.ts'] }));
  check(`strict tsc (${resolution}) accepts the packages`, run('pnpm', ['exec', 'tsc', '-p', join(whole, `tsconfig.${resolution}.json`)]));
}

const bundled = run('pnpm', [
  'exec',
  'esbuild',
  join(whole, 'program.mjs'),
  '--bundle',
  '--format=esm',
  '--platform=browser',
  '--external:node:*',
  `--outfile=${join(whole, 'bundle.mjs')}`,
  '--minify',
]);
check('esbuild bundles it for the browser', bundled);
if (bundled.ok) check('the bundle runs', expectText(run(process.execPath, ['bundle.mjs'], { cwd: whole }), 'trained'));

check(
  'changeset status',
  run('pnpm', ['exec', 'changeset', 'status', ...(run('git', ['rev-parse', '--verify', 'main']).ok ? [] : ['--since=HEAD'])]),
);
check('a dry-run publish passes', run('pnpm', ['publish', '-r', '--dry-run', '--no-git-checks', '--access', 'public']));

if (failed === 0) rmSync(work, { recursive: true, force: true });
else console.log(`the packed files are in ${work}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
