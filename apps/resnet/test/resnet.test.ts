import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadDevice } from '../../harness/src/index.ts';
import { trainHere } from '../../harness/test/inProcess.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'flambeau-resnet-'));
const environment = { FLAMBEAU_IMAGES: join(folder, 'images'), FLAMBEAU_IMAGES_PER_CLASS: '3' };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...options: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, ...environment };
  return spawnSync(process.execPath, ['tools/app.mjs', 'resnet', ...options], { cwd: root, encoding: 'utf8', env });
}

describe('the ResNet-18 app', () => {
  it('draws a folder of images where there is none, trains on it with two workers, and repeats itself for a seed', async () => {
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
    // Once more in this process, on the images that are there now.
    const drawn = statSync(join(folder, 'images', 'train', 'rings')).mtimeMs;
    Object.assign(process.env, environment);
    const { resnet } = await import('../src/resnet.ts');
    const { result } = await trainHere(resnet, await loadDevice('cpu'), { steps: 2, batchSize: 6 });
    expect(result.losses.map((loss) => loss.toFixed(6))).toEqual(losses(first.stdout));
    expect(statSync(join(folder, 'images', 'train', 'rings')).mtimeMs).toBe(drawn);
    // A batch that would hold more than there is holds it all.
    const { states } = await trainHere(resnet, await loadDevice('cpu'), { steps: 1, batchSize: 100 });
    expect(states[0].total).toBe(1);
  }, 240_000);
});
