import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceError, manualSeed } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { CNN } from '../../cnn/src/cnn.ts';
import { regression } from '../../regression/src/regression.ts';
import type { App } from '../src/app.ts';
import { loadDevice } from '../src/device.ts';
import { runApp } from '../src/node/index.ts';
import { loadWeights } from '../src/node/weights.ts';

const root = new URL('../../../', import.meta.url).pathname;

/** Starts a program of the workspace, whose charts go into a folder of its own. */
function start(...command: string[]): { child: ChildProcessWithoutNullStreams; runs: string } {
  const runs = mkdtempSync(join(tmpdir(), 'app-'));
  return { child: spawn(process.execPath, command, { cwd: root, env: { ...process.env, FLAMBEAU_RUNS: runs }, detached: true }), runs };
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly runs: string;
}
async function run(...options: string[]): Promise<Ended> {
  const { child, runs } = start('tools/app.mjs', ...options);
  const text = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (part: Buffer) => (text[stream] += part.toString()));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { status, ...text, runs };
}

/** Runs an app in this process as its command line would, and says how it ended. */
async function runAppHere(app: App, options: string[]): Promise<{ status: number; text: string }> {
  const { argv, exit, exitCode } = process;
  const writes = [process.stdout.write, process.stderr.write] as const;
  const { error, log } = console;
  let text = '';
  const collect = (part: unknown): boolean => ((text += String(part)), true);
  process.argv = [...argv.slice(0, 2), ...options];
  process.stdout.write = process.stderr.write = collect;
  console.error = console.log = (line: unknown) => void collect(`${line as string}\n`);
  process.exit = (code) => {
    throw new Error(`exit ${code}`);
  };
  try {
    process.exitCode = 0;
    await runApp(app);
    return { status: process.exitCode, text };
  } catch (ended) {
    return { status: Number(/^exit (\d+)$/.exec((ended as Error).message)?.[1]), text };
  } finally {
    process.exitCode = exitCode;
    process.argv = argv;
    process.exit = exit;
    [process.stdout.write, process.stderr.write] = writes;
    Object.assign(console, { error, log });
  }
}

const runHere = (...options: string[]): Promise<{ status: number; text: string }> => runAppHere(regression, options);

describe('an app', () => {
  it('explains its options', async () => {
    const { text, status } = await runHere('--help');
    expect(status).toBe(0);
    for (const option of ['--seed', '--epochs', '--steps', '--batch-size', '--lr', '--device', '--save', '--load', '--json', '--live']) {
      expect(text).toContain(option);
    }
  });

  it.each([
    [['--steps', '0'], /positive integer, got "0"/],
    [['--lr', 'fast'], /expected a number, got "fast"/],
    [['--device', 'abacus'], /error ARGUMENT: --device: .*abacus/],
    [['--load', '/nowhere/net.pt'], /nowhere/],
    [['--save', 'net.xyz'], /ends in \.safetensors or \.pt, got "net\.xyz"/],
    [['--save', '/dev/null/net.pt'], /error ARGUMENT: --save: a file that can be written, got \/dev\/null\/net\.pt: E/],
    [['--json', tmpdir()], /error ARGUMENT: --json: a file that can be written, got .*: a folder/],
  ])('refuses %j in one sentence', async (options, message) => {
    const { status, text } = await runHere(...options);
    expect(status).toBe(1);
    expect(text).toMatch(message);
    expect(text).not.toMatch(/\n\s+at /);
    // Before it has trained for nothing.
    expect(text).not.toContain('step 1/');
  });

  it('hears Ctrl-C within a step or two, however long they are', async () => {
    const slow: App = {
      ...regression,
      async train(session) {
        const run = await session.start(new nn.Linear(1, 1), 15);
        // It comes with the event loop's next turn.
        setImmediate(() => process.emit('SIGINT'));
        do for (const end = performance.now() + 60; performance.now() < end;);
        while (await run.step(0.5, 1));
        await run.finish();
      },
    };
    const { text } = await runAppHere(slow, ['--save', join(mkdtempSync(join(tmpdir(), 'app-')), 'net.pt')]);
    expect(text).toMatch(/stopped: [123] steps/);
  });

  it('keeps what it has learned when its run fails', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'app-'));
    const failing: App = {
      ...regression,
      async train(session) {
        const run = await session.start(new nn.Linear(1, 1), 3);
        await run.step(0.5, 1);
        throw new DeviceError({ op: 'test', expected: 'a step', received: 'a fault' });
      },
    };
    const { status, text } = await runAppHere(failing, ['--save', join(folder, 'deep', 'net.pt')]);
    expect(status).toBe(1);
    expect(text).toMatch(/step 1\/3[^]*weights: .*net\.pt\nerror DEVICE: test/);
    expect(process.listenerCount('SIGTERM')).toBe(0);
  });

  it.each([
    [['regression', '--colour', 'red'], /unknown option/],
    [['browser', '--port', 'abc'], /error: expected a port below 65536, got "abc"[^]*--build-only/],
    [['nothing'], /expected one of browser, classification, cnn, lstm, regression/],
  ])('ends its process with an error for %j', async (options, message) => {
    const { status, stderr } = await run(...options);
    expect(status).toBeGreaterThan(0);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('prints its net, its progress and its figures, draws its charts, and goes on from saved weights', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'app-'));
    const [first, second] = [join(folder, 'new', 'net.safetensors'), join(folder, 'net.pt')];
    const { stdout, runs } = await run('regression', '--save', first);
    expect(stdout).toContain('(hidden): Linear(in_features=1, out_features=10, bias=True)');
    expect(stdout).toMatch(/step 100\/100 {2}loss 0\.01\d+ {2}\d+ samples\/s {2}0 s left/);
    expect(stdout).toContain(`weights: ${first}`);
    for (const chart of ['fit', 'loss']) {
      expect(readFileSync(join(runs, `regression/${chart}.svg`), 'utf8')).toMatch(/<\/svg>\s*$/);
      expect(statSync(join(runs, `regression/${chart}.png`)).size).toBeGreaterThan(5000);
    }
    // From one format into the other, and on another device: the first loss is near the last of the run before.
    const onFirst = await run('regression', '--load', first, '--steps', '1', '--save', second);
    const onSecond = await run('regression', '--load', second, '--steps', '1', '--device', 'reference');
    expect(onSecond.stdout).toContain('regression: seed 1, device reference (reference)');
    for (const [file, { stdout: text }] of [[first, onFirst], [second, onSecond]] as const) {
      expect(text).toContain(`loaded weights from ${file}`);
      expect(Number(/step 1\/1 {2}loss ([\d.]+)/.exec(text)?.[1])).toBeLessThan(0.02);
    }
  }); // prettier-ignore

  it('ends with its state saved and its charts whole when Ctrl-C stops it, and --load takes the state', async () => {
    const { child, runs } = start('tools/app.mjs', 'cnn');
    let output = '';
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString();
      // A terminal tells all of the group.
      if (/step 1\//.test(text.toString())) process.kill(-(child.pid ?? NaN), 'SIGINT');
    });
    const status = await new Promise((resolve) => child.on('exit', resolve));
    expect(status).toBe(0);
    expect(output).toMatch(/stopping after this step/);
    expect(output).toMatch(/stopped: \d+ steps/);
    expect(readFileSync(join(runs, 'cnn/loss.svg'), 'utf8')).toMatch(/<\/svg>\s*$/);
    const device = await loadDevice('cpu');
    manualSeed(1);
    const [net, untrained] = [new CNN(), new CNN()];
    untrained.loadStateDict(net.stateDict());
    await loadWeights(net, join(runs, 'cnn/interrupted.safetensors'), device);
    const moved = net.out.weight.sub(untrained.out.weight).abs().max().itemSync();
    // Adam moves a weight by about its learning rate, 0.001, in each of the few steps; another net would be 1/√1568 = 0.025 away and more.
    expect(moved).toBeGreaterThan(1e-4);
    expect(moved).toBeLessThan(0.02);
  });

  it('ends with its state saved when nobody reads its output any more', async () => {
    const { child, runs } = start('tools/app.mjs', 'regression', '--epochs', '10000000');
    let complaints = '';
    child.stderr.on('data', (text: Buffer) => (complaints += text.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(0);
    expect(complaints).toBe('');
    expect(existsSync(join(runs, 'regression/interrupted.safetensors'))).toBe(true);
  });

  it('serves its charts while it trains', async () => {
    const main = 'apps/classification/src/main.ts';
    const { child } = start('--import', 'tsx', '--conditions=flambeau-source', main, '--live', '--epochs', '400');
    let output = '';
    const address = await new Promise<string>((resolve) =>
      child.stdout.on('data', (text: Buffer) => {
        output += text.toString();
        const found = /live charts: (\S+)/.exec(output);
        if (found !== null) resolve(found[1]);
      }),
    );
    const events = (await fetch(`${address}events`)).body as ReadableStream<Uint8Array>;
    const reader = events.getReader();
    let received = '';
    while (!received.includes('"loss":"<svg')) {
      const { done, value } = await reader.read();
      if (done) break;
      received += new TextDecoder().decode(value);
    }
    expect(received).toContain('step ');
    expect(received).toContain('"loss":"<svg');
    child.kill('SIGKILL');
  });
});
