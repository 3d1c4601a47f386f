import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium } from '../../../tools/browser/chromium.ts';
import { setDefaultDevice } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { classification } from '@flambeau/app-classification';
import { lossesOf } from './quietly.ts';
import { BuiltPage, clickTrain, keepScreenshot, readNumber, waitForState } from './page.ts';

describe.skipIf(!hasChromium)('the page in Chromium', () => {
  const built = new BuiltPage();
  let lossInNode = NaN;
  beforeAll(async () => {
    await built.open();
    setDefaultDevice(cpu);
    lossInNode = (await lossesOf(classification, cpu, { steps: 100 }))[99];
  });
  afterAll(() => built.close());

  it.each(['cpu', 'webgpu'] as const)('trains the classification on %s after a click, and shows its accuracy', async (device) => {
    const { page, errors } = await built.tab();
    await clickTrain(page, { app: 'classification', device });
    await waitForState(page, 'finished', 50_000);
    // Two clouds around (2, 2) and (-2, -2): all but a few points are told apart.
    expect(await readNumber(page, 'accuracy')).toBeGreaterThan(0.98);
    // The same seed gives the same data, initialization and losses as in Node.
    expect(Math.abs((await readNumber(page, 'loss')) - lossInNode)).toBeLessThan(1e-4);
    expect(await page.textContent('#step')).toBe('100 / 100');
    expect(await page.textContent('#engine')).toMatch(device === 'cpu' ? /wasm/ : /swiftshader/i);
    expect(await page.textContent('#log')).toContain('(0): Linear(in_features=2, out_features=10, bias=True)');
    for (const chart of ['loss', 'boundary']) expect(await page.locator(`#chart-${chart} svg`).count()).toBe(1);
    // What the thread held, a GPU among it, is given back.
    await expect.poll(() => page.workers().length).toBe(0);
    await keepScreenshot(page, `classification-${device}`);
    expect(errors).toEqual([]);
    await page.close();
  });

  it('stops after the step that it is in, and resumes from there to the same end', async () => {
    const { page, errors } = await built.tab();
    await clickTrain(page, { app: 'regression', device: 'webgpu', epochs: 400 });
    await waitForState(page, 'running', 30_000);
    await page.click('#stop');
    await waitForState(page, 'stopped', 30_000);
    const stoppedAt = Number(/step (\d+)/.exec((await page.textContent('#state')) ?? '')?.[1]);
    expect(stoppedAt).toBeGreaterThan(0);
    expect(stoppedAt).toBeLessThan(400);
    const before = await page.textContent('#step');
    expect(before).toBe(`${stoppedAt} / 400`);
    // The form may be about another app by now.
    await page.selectOption('#app', 'classification');
    expect(await page.textContent('#state')).toBe(`regression on webgpu: stopped after step ${stoppedAt}`);
    await page.waitForTimeout(300);
    expect(await page.textContent('#step')).toBe(before);
    await page.click('#resume');
    await waitForState(page, 'finished', 50_000);
    expect(await page.textContent('#step')).toBe('400 / 400');
    const resumed = await page.textContent('#loss');
    await clickTrain(page, { app: 'regression', device: 'webgpu', epochs: 400 });
    await waitForState(page, 'running', 30_000);
    await waitForState(page, 'finished', 50_000);
    expect(await page.textContent('#loss')).toBe(resumed);
    expect(errors).toEqual([]);
    await page.close();
  });

  it('trains the CNN on the digits that it serves', async () => {
    const { page, errors } = await built.tab();
    await clickTrain(page, { app: 'cnn', device: 'cpu', steps: 6 });
    await waitForState(page, 'finished', 55_000);
    expect(await page.textContent('#log')).toMatch(/Conv2d\(1, 16[\s\S]*real number/);
    expect(await readNumber(page, 'accuracy')).toBeGreaterThan(0.2);
    expect(errors).toEqual([]);
    await page.close();
  });

  it('asks before it is left in the middle of a run, which it then loses', async () => {
    const { page } = await built.tab();
    const asked: string[] = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.type());
      void (asked.length === 1 ? dialog.dismiss() : dialog.accept());
    });
    await clickTrain(page, { app: 'regression', device: 'cpu', epochs: 1_000_000 });
    await waitForState(page, 'running', 30_000);
    await page.evaluate(() => location.reload());
    await expect.poll(() => asked).toEqual(['beforeunload']);
    // However short its steps are, a run listens.
    await page.click('#stop');
    await waitForState(page, 'stopped', 5_000);
    await page.reload();
    expect(asked).toHaveLength(2);
    await page.reload();
    expect(asked).toHaveLength(2);
    await page.close();
  });

  it('is steered by the keyboard alone', async () => {
    const { page, errors } = await built.tab();
    const pressed = async (state: string, focused: string): Promise<void> => {
      await page.keyboard.press('Space');
      await waitForState(page, state, 30_000);
      await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe(focused);
    };
    await page.selectOption('#device', 'webgpu');
    await page.fill('#epochs', '600');
    await page.focus('#train');
    await pressed('running', 'stop');
    await pressed('stopped', 'resume');
    await pressed('running', 'stop');
    await waitForState(page, 'finished', 30_000);
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('train');
    expect(errors).toEqual([]);
    await page.close();
  });

  it('tells of the app that is chosen when somebody comes back', async () => {
    const { page } = await built.tab();
    await page.selectOption('#app', 'lstm');
    await page.goto('about:blank');
    await page.goBack();
    await expect.poll(() => page.inputValue('#app')).toBe('lstm');
    expect(await page.textContent('#description')).toContain('LSTM');
    await page.close();
  });

  it('stops also while it waits for the digits', async () => {
    const { page, errors } = await built.tab();
    await page.route('**/mnist/**', () => undefined);
    await clickTrain(page, { app: 'cnn', device: 'cpu' });
    await page.waitForFunction(() => document.querySelector('#log')?.textContent === 'reading MNIST\n');
    expect(await page.getByRole('progressbar', { name: 'Steps done' }).getAttribute('value')).toBe(null);
    await page.click('#stop');
    expect(await page.textContent('#state')).toBe('cnn on cpu: stopped before its first step');
    await clickTrain(page, { app: 'regression', device: 'cpu' });
    await waitForState(page, 'finished', 30_000);
    expect(errors).toEqual([]);
    await page.close();
  });

  it('fits on a phone, in the dark and in large letters, also when it says what went wrong', async () => {
    const { page } = await built.tab();
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 320, height: 640 });
    const overhang = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await page.route('**/mnist/**', (route) => route.fulfill({ status: 404 }));
    await clickTrain(page, { app: 'cnn', device: 'cpu' });
    await page.waitForFunction(() => document.body.dataset.state === 'failed');
    expect(await page.textContent('#state')).toMatch(/^cnn on cpu: failed\. DATASET_FILE: .*none of .*Put it there/);
    expect(await page.getByRole('progressbar').getAttribute('value')).toBe('0');
    expect(await overhang()).toBe(0);
    await clickTrain(page, { app: 'classification', device: 'cpu' });
    await waitForState(page, 'finished', 30_000);
    expect(await overhang()).toBe(0);
    // The letters of a chart are as large as those of the page, whatever its width.
    expect(Number(await page.locator('#chart-loss svg').getAttribute('width'))).toBeLessThan(320);
    await page.evaluate(() => (document.documentElement.style.fontSize = '200%'));
    expect(await overhang()).toBe(0);
    const [light, dark] = await page.evaluate(() => {
      const { backgroundColor, color } = getComputedStyle(document.body);
      return [color, backgroundColor].map((text) => Number(/\d+/.exec(text)?.[0]));
    });
    expect(light).toBeGreaterThan(200);
    expect(dark).toBeLessThan(50);
    await keepScreenshot(page, 'phone');
    await page.close();
  });

  it.each([
    [true, 'GPU (this browser has no WebGPU)'],
    [false, 'GPU (WebGPU needs https or localhost)'],
  ])('says why there is no GPU to choose (a secure page: %s)', async (secure, text) => {
    const { page } = await built.tab((how) => {
      Reflect.deleteProperty(Navigator.prototype, 'gpu');
      Object.defineProperty(globalThis, 'isSecureContext', { value: how });
    }, secure);
    const option = page.locator('#device option[value=webgpu]');
    expect(await option.textContent()).toBe(text);
    expect(await option.isDisabled()).toBe(true);
    await page.close();
  });
});
