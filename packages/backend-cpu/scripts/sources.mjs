// What is compiled, and how: shared by the builds of the addon and of the WASM.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const native = `${root}native/`;

/** The kernel files, which are compiled once for each instruction set. */
export const kernelFiles = () => [
  'table.cc',
  ...readdirSync(`${native}kernels`)
    .filter((name) => name.endsWith('.cc'))
    .sort()
    .map((name) => `kernels/${name}`),
];

/** Everything that any file may include. */
const headers = () =>
  ['', 'kernels/'].flatMap((folder) =>
    readdirSync(`${native}${folder}`)
      .filter((name) => /\.(h|def)$/.test(name))
      .sort()
      .map((name) => `${folder}${name}`),
  );

export const hash = (...parts) => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part).update('\0');
  return sum.digest('hex').slice(0, 16);
};

const read = (name) => readFileSync(`${native}${name}`, 'utf8');

/** A key for what compiling a file depends on. */
export function sourceKey(file, ...more) {
  return hash(read(file), ...headers().map((name) => name + read(name)), ...more);
}

// No fast-math: NaN, infinities and -0 mean what they say. Integers wrap.
export const commonFlags = [
  '-std=c++17', '-O3', '-fno-exceptions', '-fno-rtti', '-fno-math-errno', '-fno-trapping-math', '-fwrapv', '-fno-strict-aliasing',
  '-ffp-contract=fast', '-fvisibility=hidden', '-Wall', '-Wextra', '-Wno-unknown-pragmas', '-Wno-psabi',
]; // prettier-ignore

/** Runs a command; rejects with what it printed. */
export function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`${command} ${args.join(' ')}\n${text}`))));
  });
}

/** Runs functions that return promises, as many at a time as there are processors. */
export async function inParallel(tasks) {
  const queue = [...tasks];
  const worker = async () => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task();
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), queue.length) }, worker));
}
