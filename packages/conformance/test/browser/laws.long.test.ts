import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium } from '../../../../tools/browser/chromium.ts';
import type { BundledPage } from '../../../../tools/browser/bundle.ts';
import { lawNames, openLaws } from './laws.ts';
import type { LawReport } from './main.ts';

// Every law over every op.
describe.skipIf(!hasChromium)('in Chromium', () => {
  let page: BundledPage;
  beforeAll(async () => {
    page = await openLaws();
  });
  afterAll(() => page?.close());

  describe.each(['wasm', 'webgpu'])('on %s the law holds', (device) => {
    it.each(lawNames)('%s', async (law) => {
      const { checked, refused, broken } = await page.call<LawReport>('check', law, device, 1);
      expect(checked).toBeGreaterThan(150);
      expect(broken).toEqual([]);
      // Samples of these two cast to float64, and read a GPU without waiting.
      expect(refused.filter((op) => device === 'wasm' || !['cast', 'toDevice'].includes(op))).toEqual([]);
    });
  });
});
