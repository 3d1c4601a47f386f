import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BundledPage } from '../../../../tools/browser/bundle.ts';
import { hasChromium } from '../../../../tools/browser/chromium.ts';
import type { Look } from './memoryPage.ts';

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;
const held = ({ liveBytes, pooledBytes }: Look): number => liveBytes + pooledBytes;

describe.skipIf(!hasChromium)('memory in Chromium', () => {
  let page: BundledPage;
  beforeAll(async () => {
    const entry = fileURLToPath(new URL('memoryPage.ts', import.meta.url));
    page = await BundledPage.open({ entries: { main: entry }, external: ['node:*', 'hyparquet'] });
  });
  afterAll(() => page?.close());

  // In WebAssembly a regression step drops a few KB, and V8 first collects after some ten thousand: so there are 60,000 steps.
  const loops: [task: string, device: string, steps: number][] = [
    ['regression', 'wasm', 60_000],
    ['cnn', 'wasm', 100],
    ['regression', 'webgpu', 10_000],
    ['cnn', 'webgpu', 100],
  ];
  describe.each([
    ['a plain loop', false],
    ['a loop in scope', true],
  ] as const)('is flat through %s', (_, scoped) => {
    // prettier-ignore
    it.each(loops)('of the %s on %s (%i steps)', async (task, device, steps) => {
      const looks = await page.call<Look[]>('train', task, device, steps, scoped);
      for (const look of looks) console.log(`  ${task} on ${device}, step ${look.step}: live ${megabytes(look.liveBytes)}, pooled ${megabytes(look.pooledBytes)}, heap ${megabytes(look.heapBytes)}`); // prettier-ignore
      expect(looks).toHaveLength(10);
      const [middle, end] = [looks.slice(2, 6), looks.slice(6)];
      expect(Math.max(...looks.map(held))).toBeLessThan(256 * 2 ** 20);
      // Flat: the tips of the saw do not rise.
      expect(Math.max(...end.map(held))).toBeLessThan(Math.max(...middle.map(held)) * 1.1 + 2 ** 20);
      expect(Math.max(...end.map(({ heapBytes }) => heapBytes))).toBeLessThan(256 * 2 ** 20);
      // And nothing is held for good but pools and slabs: one block of 64 bytes that each of 60,000 steps leaves behind is 3.7 MB.
      await page.collectGarbage();
      expect(await page.call<number>('left')).toBeLessThan((device === 'wasm' ? 3 : 1) * 2 ** 20);
    });
  });
});
