import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { build, preview, type PreviewServer } from 'vite';
import { expect } from 'vitest';
import { openChromium, openPage } from '../../../tools/browser/chromium.ts';
import { pageConfig } from '../src/vite.ts';

/** The page as users get it: built, served, and opened in Chromium. */
export class BuiltPage {
  private readonly folder = mkdtempSync(join(tmpdir(), 'flambeau-page-'));
  private server: PreviewServer | undefined;
  private browser: Browser | undefined;

  /** Builds and serves it, and starts a browser. */
  async open(): Promise<void> {
    const config = pageConfig(this.folder, false);
    await build(config);
    this.server = await preview({ ...config, preview: { ...config.preview, port: 0 } });
    this.browser = await openChromium();
  }

  async close(): Promise<void> {
    await this.browser?.close();
    await this.server?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** A new tab with the page; `before` runs in it first, with `argument`. */
  async tab<A>(before?: (argument: A) => void, argument?: A): Promise<{ page: Page; errors: string[] }> {
    if (this.browser === undefined || this.server === undefined) throw new Error('the page is not open');
    const opened = await openPage(this.browser, this.server.resolvedUrls?.local[0] ?? '');
    if (before !== undefined) {
      await opened.page.addInitScript(before as (argument: unknown) => void, argument);
      await opened.page.reload();
    }
    return opened;
  }
}

/** What is filled into the form. */
export interface Choices {
  readonly app: string;
  readonly device: 'cpu' | 'webgpu';
  readonly epochs?: number;
  readonly steps?: number;
  readonly batchSize?: number;
}

/** Fills the form in and clicks on Train. */
export async function clickTrain(page: Page, { app, device, ...numbers }: Choices): Promise<void> {
  await page.selectOption('#app', app);
  await page.selectOption('#device', device);
  for (const [name, value] of Object.entries(numbers)) await page.fill(`#${name}`, String(value));
  await page.click('#train');
}

/** Waits until the run is in a state; a failed run throws what the page says. */
export async function waitForState(page: Page, state: string, timeout: number): Promise<void> {
  await page.waitForFunction((wanted) => [wanted, 'failed'].includes(document.body.dataset.state ?? ''), state, { timeout });
  const now = await page.evaluate(() => document.body.dataset.state);
  if (now !== state) throw new Error(`the page is ${now}: ${await page.textContent('#state')}`);
}

/** The number that an element of the page shows. */
export const readNumber = async (page: Page, id: string): Promise<number> => Number.parseFloat((await page.textContent(`#${id}`)) ?? '');

/** Keeps a picture of the page as runs/browser/<name>.png. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  const path = fileURLToPath(new URL(`../../../runs/browser/${name}.png`, import.meta.url));
  mkdirSync(dirname(path), { recursive: true });
  const picture = await page.screenshot({ path, fullPage: true });
  expect(picture.length).toBeGreaterThan(10_000);
}
