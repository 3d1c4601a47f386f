import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url).pathname;
const run = (...options: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, ['tools/app.mjs', ...options], { cwd: root, encoding: 'utf8' });

describe('an app', () => {
  it('explains its options', () => {
    const { stdout, status } = run('cnn', '--help');
    expect(status).toBe(0);
    for (const option of ['--seed', '--epochs', '--steps', '--batch-size', '--lr', '--device', '--save', '--load', '--json', '--live']) {
      expect(stdout).toContain(option);
    }
  });

  it.each([
    [['regression', '--steps', '0'], /positive integer, got "0"/],
    [['regression', '--lr', 'fast'], /expected a number, got "fast"/],
    [['regression', '--colour', 'red'], /unknown option/],
    [['regression', '--device', 'abacus'], /error ARGUMENT: --device: .*abacus/],
    [['regression', '--load', '/nowhere/net.pt'], /nowhere/],
    [['nothing'], /expected one of browser, classification, cnn, lstm, regression/],
  ])('refuses %j in one sentence', (options, message) => {
    const { status, stderr } = run(...options);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('prints its net, its progress and its figures, and draws its charts', () => {
    for (const chart of ['fit', 'loss'])
      for (const ending of ['svg', 'png']) rmSync(join(root, `runs/regression/${chart}.${ending}`), { force: true });
    const { stdout } = run('regression');
    expect(stdout).toContain('(hidden): Linear(in_features=1, out_features=10, bias=True)');
    expect(stdout).toMatch(/step 100\/100 {2}loss 0\.01\d+ {2}\d+ samples\/s {2}0 s left/);
    for (const chart of ['fit', 'loss']) {
      expect(readFileSync(join(root, `runs/regression/${chart}.svg`), 'utf8')).toMatch(/<\/svg>\s*$/);
      expect(statSync(join(root, `runs/regression/${chart}.png`)).size).toBeGreaterThan(5000);
    }
  });

  it('goes on from saved weights: the first loss is near the last', () => {
    for (const ending of ['safetensors', 'pt']) {
      const file = join(mkdtempSync(join(tmpdir(), 'app-')), `net.${ending}`);
      expect(run('regression', '--save', file).stdout).toContain(`weights: ${file}`);
      const { stdout } = run('regression', '--load', file, '--steps', '1');
      expect(stdout).toContain(`loaded weights from ${file}`);
      expect(Number(/step 1\/1 {2}loss ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(0.02);
    }
  });

  it('ends with its state saved and its charts whole when Ctrl-C stops it', async () => {
    const saved = join(root, 'runs/cnn/interrupted.safetensors');
    rmSync(saved, { force: true });
    const child = spawn(process.execPath, ['--import', 'tsx', '--conditions=flambeau-source', 'apps/cnn/src/main.ts'], { cwd: root });
    let output = '';
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString();
      if (/step 1\//.test(text.toString())) child.kill('SIGINT');
    });
    const status = await new Promise((resolve) => child.on('exit', resolve));
    expect(status).toBe(0);
    expect(output).toMatch(/stopping after this step/);
    expect(output).toMatch(/stopped: \d+ steps/);
    expect(existsSync(saved)).toBe(true);
    expect(readFileSync(join(root, 'runs/cnn/loss.svg'), 'utf8')).toMatch(/<\/svg>\s*$/);
  });

  it('serves its charts while it trains', async () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--conditions=flambeau-source', 'apps/classification/src/main.ts', '--live', '--epochs', '400'],
      { cwd: root },
    );
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
