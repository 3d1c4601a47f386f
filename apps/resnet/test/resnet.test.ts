import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'flambeau-resnet-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...options: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, FLAMBEAU_IMAGES: join(folder, 'images'), FLAMBEAU_IMAGES_PER_CLASS: '3' };
  return spawnSync(process.execPath, ['tools/app.mjs', 'resnet', ...options], { cwd: root, encoding: 'utf8', env });
}

describe('the ResNet-18 app', () => {
  it('draws a folder of images where there is none, trains on it with two workers, and repeats itself for a seed', () => {
    const first = run('--steps', '2', '--batch-size', '6');
    expect(first.stderr).toBe('');
    expect(first.stdout).toContain('drawing 3 pictures of 10 textures');
    expect(first.stdout).toContain('30 images in 10 classes: checks, columns');
    expect(first.stdout).toContain('(layer4): Sequential');
    expect(readdirSync(join(folder, 'images', 'train', 'rings'))).toHaveLength(3);
    const losses = (text: string): string[] => [...text.matchAll(/step \d\/2 {2}loss ([\d.]+)/g)].map(([, loss]) => loss);
    expect(losses(first.stdout)).toHaveLength(2);
    // Ten classes that nothing is known of: the first loss is near log 10 = 2.3.
    expect(Number(losses(first.stdout)[0])).toBeGreaterThan(1.5);
    expect(Number(losses(first.stdout)[0])).toBeLessThan(4);
    const second = run('--steps', '2', '--batch-size', '6');
    expect(second.stdout).not.toContain('drawing');
    expect(losses(second.stdout)).toEqual(losses(first.stdout));
  }, 240_000);
});
