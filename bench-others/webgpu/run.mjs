// The same work on the same GPU in Flambeau, jax-js and TensorFlow.js, in one process, taken in turns.
// `npm run bench` in this folder, after `pnpm build` in the workspace's; `node run.mjs rows.json CNN` keeps the rows, and takes the works of that name.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import * as flambeauWorks from './flambeau.mjs';
import * as jaxWorks from './jax.mjs';
import * as tensorflowWorks from './tensorflow.mjs';

const [file, only = ''] = process.argv.slice(2);
const { resolve } = createRequire(new URL('../../package.json', import.meta.url));
const fromWorkspace = (name) => import(pathToFileURL(resolve(name)).href);

// All three take what a browser has: navigator.gpu, which is Dawn here, and must be held for the life of the process.
const { create, globals } = await fromWorkspace('webgpu');
Object.assign(globalThis, globals);
const gpu = create([]);
Object.defineProperty(globalThis, 'navigator', { value: { ...globalThis.navigator, gpu, userAgent: 'Node' }, configurable: true });

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
/** Milliseconds after which a slow library gets no further turn, and how many turns there are. */
const [longest, turns] = [12_000, 7];

async function flambeau() {
  const fb = await fromWorkspace('flambeau');
  const { webgpu } = await fromWorkspace('@flambeau/backend-webgpu');
  const device = await webgpu();
  console.log(`adapter: ${device.info.description || device.info.vendor}${device.info.software ? ', computed by the CPU' : ''}`);
  return { works: flambeauWorks.works(fb, device), counters: () => device.counters };
}

async function jaxJs() {
  const jax = await import('@jax-js/jax');
  await jax.init('webgpu');
  jax.defaultDevice('webgpu');
  return { works: jaxWorks.works(jax) };
}

async function tensorflow() {
  const tf = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-webgpu');
  await tf.setBackend('webgpu');
  await tf.ready();
  return { works: tensorflowWorks.works(tf) };
}

const libraries = {};
for (const [name, open] of [
  ['Flambeau', flambeau],
  ['jax-js', jaxJs],
  ['TensorFlow.js', tensorflow],
]) {
  try {
    libraries[name] = await open();
  } catch (error) {
    console.log(`${name} does not open the GPU: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
  }
}

/** One turn: milliseconds of the wall's clock, and of all threads of this process, for each of `runs`. */
async function turn(run, runs = 1) {
  // What the one before has dropped is not collected at this one's cost.
  globalThis.gc?.();
  const [cpu, started] = [process.cpuUsage(), performance.now()];
  for (let i = 0; i < runs; i++) await run();
  const wall = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { wall: wall / runs, cpu: (user + system) / 1000 / runs };
}

/** A turn of what takes a few milliseconds is as many runs as take this long, after a warm-up: else V8 would still be compiling. */
const turnMs = 200;
/** Milliseconds of its warm-up. */
const warmMs = 3000;

const rows = [];
for (const work of Object.keys(libraries.Flambeau.works)) {
  if (!work.includes(only)) continue;
  const ready = [];
  for (const [name, { works }] of Object.entries(libraries)) {
    try {
      const run = await works[work]();
      let { wall } = await turn(run); // compiles
      if (wall < longest) ({ wall } = await turn(run));
      // As many runs as fill a turn once V8 has compiled them.
      if (wall < turnMs) ({ wall } = await turn(run, Math.ceil(warmMs / wall)));
      const runs = Math.max(1, Math.floor(turnMs / wall));
      ready.push({ name, run, runs, times: [] });
    } catch (error) {
      console.log(`${work}: ${name} cannot: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  }
  for (let i = 0; i < turns; i++) {
    for (const { run, runs, times } of ready) {
      if (times.reduce((sum, { wall }) => sum + wall, 0) < longest) times.push(await turn(run, runs));
    }
  }
  const row = { work };
  for (const { name, times } of ready)
    row[name] = { wall: median(times.map(({ wall }) => wall)), cpu: median(times.map(({ cpu }) => cpu)), turns: times.length };
  const { counters } = libraries.Flambeau;
  const before = counters();
  await ready[0].run();
  row.dispatches = counters().dispatches - before.dispatches;
  row.submissions = counters().submissions - before.submissions;
  rows.push(row);
  console.log(JSON.stringify(row));
}

const names = Object.keys(libraries);
const cell = (value, own) => (value === undefined ? '' : `${value.wall.toFixed(2)} / ${value.cpu.toFixed(2)}${value === own ? '' : ` (${(own.wall / value.wall).toFixed(2)})`}`); // prettier-ignore
console.log(
  [
    `| work | ${names.map((name) => `${name}, wall / CPU ms`).join(' | ')} | dispatches, submissions |`,
    `|---|${names.map(() => '---').join('|')}|---|`,
    ...rows.map((row) => `| ${row.work} | ${names.map((name) => cell(row[name], row.Flambeau)).join(' | ')} | ${row.dispatches}, ${row.submissions} |`), // prettier-ignore
    '',
    'In brackets: Flambeau’s wall time over theirs.',
  ].join('\n'),
);
if (file !== undefined) writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`);
process.exit(0);
