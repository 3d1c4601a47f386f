// The same work in Flambeau on WebAssembly, TensorFlow.js and jax-js, in one process, taken in turns. `npm install && npm run bench` in this
// folder, after `pnpm build` in the workspace's.
import { writeFileSync } from 'node:fs';

process.env.FLAMBEAU_CPU = 'wasm';
const fb = await import('../packages/flambeau/dist/index.js');
const { nn, optim } = fb;

const library = { flambeau: 'Flambeau (WASM)', tfjsWasm: 'TensorFlow.js (WASM)', tfjsCpu: 'TensorFlow.js (CPU)', jaxJs: 'jax-js (WASM)' };

/** What each library makes of each work: a function that runs it once, and waits for it. */
const works = {};
const add = (work, name, setup) => ((works[work] ??= {})[name] = setup);
const sizes = [256, 512];

for (const n of sizes) {
  add(`matmul ${n}`, 'flambeau', () => {
    const [a, b] = [fb.randn(n, n), fb.randn(n, n)];
    return () => fb.noGrad(() => a.matmul(b));
  });
}
add('exp 1e6', 'flambeau', () => {
  const x = fb.randn(1e6);
  return () => fb.noGrad(() => x.exp());
});
add('CNN step', 'flambeau', () => {
  const block = (i, o) => new nn.Sequential(new nn.Conv2d(i, o, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
  const net = new nn.Sequential(block(1, 16), block(16, 32), new nn.Flatten(), new nn.Linear(1568, 10));
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.001 });
  const loss = new nn.CrossEntropyLoss();
  const [x, y] = [fb.rand(50, 1, 28, 28), fb.randint(0, 10, [50])];
  return () => {
    const value = loss.forward(net.forward(x), y);
    optimizer.zeroGrad();
    value.backward();
    optimizer.step();
  };
});

const tf = await import('@tensorflow/tfjs');
await import('@tensorflow/tfjs-backend-wasm');
for (const [name, backend] of [
  ['tfjsWasm', 'wasm'],
  ['tfjsCpu', 'cpu'],
]) {
  const on = (setup) => async () => {
    await tf.setBackend(backend);
    await tf.ready();
    const body = setup();
    return async () => {
      await tf.setBackend(backend);
      await body();
    };
  };
  for (const n of sizes) {
    add(`matmul ${n}`, name, on(() => {
      const [a, b] = [tf.randomNormal([n, n]), tf.randomNormal([n, n])];
      return () => tf.tidy(() => void a.matMul(b).dataSync());
    })); // prettier-ignore
  }
  add('exp 1e6', name, on(() => {
    const x = tf.randomNormal([1e6]);
    return () => tf.tidy(() => void x.exp().dataSync());
  })); // prettier-ignore
}
// TensorFlow.js has no gradient of convolution on WebAssembly.
add('CNN step', 'tfjsCpu', async () => {
  await tf.setBackend('cpu');
  const conv = (filters, more = {}) => tf.layers.conv2d({ filters, kernelSize: 5, padding: 'same', activation: 'relu', ...more });
  const pool = () => tf.layers.maxPooling2d({ poolSize: 2 });
  const net = tf.sequential({
    layers: [conv(16, { inputShape: [28, 28, 1] }), pool(), conv(32), pool(), tf.layers.flatten(), tf.layers.dense({ units: 10 })],
  });
  const optimizer = tf.train.adam(0.001);
  const x = tf.randomUniform([50, 28, 28, 1]);
  const y = tf.oneHot(tf.randomUniform([50], 0, 10, 'int32'), 10);
  return async () => {
    await tf.setBackend('cpu');
    optimizer.minimize(() => tf.losses.softmaxCrossEntropy(y, net.apply(x, { training: true })));
  };
});

const jax = await import('@jax-js/jax');
await jax.init('wasm');
jax.defaultDevice('wasm');
for (const n of sizes) {
  add(`matmul ${n}`, 'jaxJs', () => {
    const [a, b] = [0, 1].map((seed) => jax.random.normal(jax.random.key(seed), [n, n]));
    return () => jax.numpy.matmul(a.ref, b.ref).data();
  });
}
add('exp 1e6', 'jaxJs', () => {
  const x = jax.random.normal(jax.random.key(0), [1e6]);
  return () => jax.numpy.exp(x.ref).data();
});

/** Milliseconds after which a slow library gets no further turn. */
const longest = 10_000;
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const rows = [];
for (const [work, bodies] of Object.entries(works)) {
  const ready = [];
  for (const [name, setup] of Object.entries(bodies)) {
    try {
      const run = await setup();
      const started = performance.now();
      await run();
      // A second one, unless that alone would take long.
      if (performance.now() - started < 2000) await run();
      ready.push({ name, run, times: [] });
    } catch (error) {
      console.log(`${work}: ${library[name]} cannot: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  }
  for (let turn = 0; turn < 7; turn++) {
    for (const { run, times } of ready) {
      if (times.reduce((sum, time) => sum + time, 0) > longest) continue;
      const started = performance.now();
      await run();
      times.push(performance.now() - started);
    }
  }
  console.log(`${work}: ${ready.map(({ name, times }) => `${library[name]} ${median(times).toFixed(2)} ms`).join(', ')}`);
  rows.push({ work, ...Object.fromEntries(ready.map(({ name, times }) => [name, median(times)])) });
}

const cell = (value, own) =>
  value === undefined ? '' : `${value.toFixed(2)} ms${own === value ? '' : ` (${(value / own).toFixed(1)} times)`}`;
const names = Object.keys(library);
const table = [
  `| work | ${names.map((name) => library[name]).join(' | ')} |`,
  `|---|${names.map(() => '---').join('|')}|`,
  ...rows.map((row) => `| ${row.work} | ${names.map((name) => cell(row[name], row.flambeau)).join(' | ')} |`),
].join('\n');
console.log(table);
if (process.argv[2] !== undefined) writeFileSync(process.argv[2], `${JSON.stringify(rows, null, 2)}\n`);
