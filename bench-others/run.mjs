// The same work in Flambeau, jax-js and TensorFlow.js, in one process, taken in turns: `npm run bench -- wasm` or `npm run bench -- webgpu` in this
// folder, after `pnpm build` in the workspace's. `--only CNN` takes the works of that name, `--json FILE` keeps the rows.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { backends, openLibraries } from './libraries.mjs';
import { compare } from './turns.mjs';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' }, json: { type: 'string' } } });
const [backend] = positionals;
if (!backends.includes(backend)) {
  console.error(`expected ${backends.join(' or ')}, received ${backend ?? 'nothing'}`);
  process.exit(1);
}
const libraries = await openLibraries(backend);
const { works, counters } = libraries.Flambeau;

/** What a run of Flambeau's hands to the GPU; nothing elsewhere. */
async function handedOver(work) {
  if (counters === undefined) return {};
  const run = await works[work]();
  await run();
  const before = counters();
  await run();
  return { dispatches: counters().dispatches - before.dispatches, submissions: counters().submissions - before.submissions };
}

const rows = [];
for (const work of Object.keys(works)) {
  if (!work.includes(values.only ?? '')) continue;
  const setups = Object.entries(libraries).flatMap(([name, library]) => (work in library.works ? [[name, library.works[work]]] : []));
  const row = { work, ...(await compare(work, Object.fromEntries(setups))), ...(await handedOver(work)) };
  rows.push(row);
  console.log(JSON.stringify(row));
}

const names = Object.keys(libraries);
const onGpu = counters !== undefined;
const digits = (milliseconds) => (milliseconds < 1 ? milliseconds.toPrecision(2) : milliseconds.toFixed(2));
const cell = (value, own) => (value === undefined ? '' : `${digits(value.wall)} / ${digits(value.cpu)}${value === own ? '' : ` (${(own.wall / value.wall).toPrecision(2)})`}`); // prettier-ignore
console.log(
  [
    `| work | ${names.map((name) => `${name}, wall / CPU ms`).join(' | ')} |${onGpu ? ' dispatches, submissions |' : ''}`,
    `|---|${names.map(() => '---').join('|')}|${onGpu ? '---|' : ''}`,
    ...rows.map((row) => `| ${row.work} | ${names.map((name) => cell(row[name], row.Flambeau)).join(' | ')} |${onGpu ? ` ${row.dispatches}, ${row.submissions} |` : ''}`), // prettier-ignore
    '',
    'In brackets: Flambeau’s wall time over theirs.',
  ].join('\n'),
);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
process.exit(0);
