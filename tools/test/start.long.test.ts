import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { packageManager } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { packageManager: string };

describe('npm start', () => {
  it('says what it does before it does it, builds or says why not, and trains the CNN', () => {
    const { status, stdout } = spawnSync('npm', ['start', '--', '--steps', '2'], { cwd: root, encoding: 'utf8' });
    expect(status).toBe(0);
    const places = [
      `flambeau: installing with ${packageManager}`,
      'flambeau: the native engine',
      'flambeau: done in',
      'reading MNIST',
      '(conv1): Sequential(',
      'cnn: seed 1, device cpu (',
      'step 1/2  loss 2.303',
      'step 2/2  loss 2.295',
      'charts: runs/cnn/',
      'real number',
    ].map((text) => [text, stdout.indexOf(text)] as const);
    expect(places.filter(([, at]) => at < 0)).toEqual([]);
    expect(places.map(([, at]) => at)).toEqual(places.map(([, at]) => at).toSorted((a, b) => a - b));
    // Only npm's own two lines stand before the first message.
    expect(stdout.slice(0, places[0][1]).split('\n').filter((line) => line !== '' && !line.startsWith('>'))).toEqual([]); // prettier-ignore
  });
});
