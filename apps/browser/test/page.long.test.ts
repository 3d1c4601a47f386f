import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium } from '../../../tools/browser/chromium.ts';
import { BuiltPage, clickTrain, keepScreenshot, readNumber, waitForState, type Choices } from './page.ts';

describe.skipIf(!hasChromium)('the page in Chromium', () => {
  const built = new BuiltPage();
  beforeAll(() => built.open());
  afterAll(() => built.close());

  // A software adapter takes smaller runs than the CPU.
  const runs: (Choices & { readonly accuracy: number })[] = [
    { app: 'regression', device: 'webgpu', accuracy: NaN },
    { app: 'cnn', device: 'cpu', steps: 300, accuracy: 0.92 },
    { app: 'lstm', device: 'cpu', steps: 300, accuracy: 0.8 },
    { app: 'cnn', device: 'webgpu', steps: 60, batchSize: 20, accuracy: 0.7 },
    { app: 'lstm', device: 'webgpu', steps: 100, batchSize: 32, accuracy: 0.5 },
  ];
  it.each(runs)('trains the $app on $device to its end, evaluation included', async ({ accuracy, ...choices }) => {
    const { page, errors } = await built.tab();
    await clickTrain(page, choices);
    await waitForState(page, 'finished', 1_500_000);
    if (Number.isNaN(accuracy)) expect(await readNumber(page, 'loss')).toBeLessThan(0.02);
    else {
      expect(await readNumber(page, 'accuracy')).toBeGreaterThan(accuracy);
      expect(await page.textContent('#log')).toContain('real number');
    }
    await keepScreenshot(page, `${choices.app}-${choices.device}`);
    expect(errors).toEqual([]);
    await page.close();
  });

  it('says on the page what went wrong, and trains again after it', async () => {
    const { page } = await built.tab();
    await page.route('**/mnist/**', (route) => route.fulfill({ status: 404 }));
    await clickTrain(page, { app: 'cnn', device: 'cpu', steps: 2 });
    await page.waitForFunction(() => document.body.dataset.state === 'failed');
    expect(await page.textContent('#state')).toMatch(/DATASET_FILE: .*mnist\/train-images-idx3-ubyte/);
    await clickTrain(page, { app: 'regression', device: 'cpu' });
    await waitForState(page, 'finished', 60_000);
    await page.close();
  });
});
