// `pnpm size`: prints how large the addon, the embedded WebAssembly and the core packages in a browser are; fails where one is larger than it may be.
import { readFileSync } from 'node:fs';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const cpu = `${root}packages/backend-cpu/`;
const browserPackages = ['core', 'autograd', 'nn', 'optim'];

function addonBytes() {
  try {
    return readFileSync(`${cpu}build/${platform}-${arch}/flambeau.node`).length;
  } catch {
    return undefined;
  }
}

async function wasmBytes() {
  const { outputFiles } = await build({ entryPoints: [`${cpu}src/generated/wasm.ts`], bundle: true, format: 'esm', write: false });
  const { wasmBase64 } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  return Buffer.from(wasmBase64, 'base64').length;
}

/** What a page loads for a module: everything that it needs, without what a bundler shakes off, minified and gzipped. */
async function browserBytes(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['flambeau-source'],
    minify: true,
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

/** The tutorial's networks with what trains them. */
const program = `import { manualSeed, rand, randint } from '@flambeau/core';
import '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
manualSeed(1);
const cnn = new nn.Sequential(new nn.Conv2d(1, 16, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten(), new nn.Linear(3136, 10));
const lstm = new nn.LSTM(28, 64, { numLayers: 1, batchFirst: true });
const optimizer = new optim.Adam([...cnn.parameters(), ...lstm.parameters()], { lr: 1e-3 });
const x = rand(1, 1, 28, 28);
const loss = new nn.CrossEntropyLoss().forward(cnn.forward(x), randint(0, 10, [1])).add(lstm.forward(x.squeeze(1))[0].mean());
optimizer.zeroGrad();
loss.backward();
optimizer.step();`;
const everything = browserPackages.map((name) => `export * as ${name} from '@flambeau/${name}';`).join('\n');

const rows = [
  ['the addon', addonBytes(), 1_000_000],
  ['the embedded WebAssembly', await wasmBytes(), 200_000],
  [`a browser's bundle of a program on ${browserPackages.join(', ')}, minified and gzipped`, await browserBytes(program), 78_000],
  ['everything that they export, used or not', await browserBytes(everything), 147_000],
];
let failed = 0;
for (const [what, bytes, limit] of rows) {
  if (bytes === undefined) {
    console.log(`--    ${what}: not built here`);
    continue;
  }
  const holds = bytes < limit;
  if (!holds) failed++;
  console.log(`${holds ? 'ok  ' : 'FAIL'}  ${what}: ${(bytes / 1000).toFixed(1)} kB, under ${limit / 1000} kB wanted`);
}
process.exitCode = failed === 0 ? 0 : 1;
