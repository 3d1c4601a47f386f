import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url).pathname;

function epoch(name: string): { losses: number[]; accuracy: number; output: string } {
  const file = join(mkdtempSync(join(tmpdir(), 'flambeau-')), 'result.json');
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/app.mjs', name, '--json', file], { cwd: root, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const { losses, accuracy } = JSON.parse(readFileSync(file, 'utf8')) as { losses: number[]; accuracy: number };
  return { losses, accuracy, output: stdout };
}

describe('one epoch of MNIST on the CPU backend', () => {
  it('brings the CNN to at least 0.975, and its first ten predictions are right', () => {
    const { losses, accuracy, output } = epoch('cnn');
    expect(losses.length).toBe(1200);
    expect(Math.abs(losses[99] - 0.338)).toBeLessThan(0.02);
    expect(accuracy).toBeGreaterThanOrEqual(0.975);
    expect(output).toContain('7 2 1 0 4 1 4 9 5 9  prediction');
  });

  it('brings the LSTM to at least 0.915', () => {
    const { losses, accuracy, output } = epoch('lstm');
    expect(losses.length).toBe(938);
    expect(accuracy).toBeGreaterThanOrEqual(0.915);
    expect(output).toMatch(/7 2 1 0 4 1 4 9 [56] 9 {2}prediction/);
  });
});
