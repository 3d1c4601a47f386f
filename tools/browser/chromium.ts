import { existsSync } from 'node:fs';
import { chromium, type Browser, type Page } from 'playwright-core';

// The machine's own Chromium for tests, with WebGPU on its software adapter; nothing is downloaded.

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const found = process.env.FLAMBEAU_CHROMIUM ?? places.find((place) => existsSync(place));

/** False where tests in a browser are to be skipped; where everything must be tested, a machine without one is a failure. */
export const hasChromium: boolean = found !== undefined || process.env.FLAMBEAU_CI === '1';

/** Starts a headless browser of its own. @throws Error where there is none */
export async function openChromium(): Promise<Browser> {
  if (found === undefined) throw new Error(`no Chromium in ${places.join(', ')}; install it, or set FLAMBEAU_CHROMIUM`);
  return chromium.launch({
    executablePath: found,
    args: [
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--enable-features=Vulkan',
      '--enable-precise-memory-info',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page that remembers what went wrong on it, in `errors`. */
export async function openPage(browser: Browser, address: string): Promise<{ page: Page; errors: string[] }> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await page.goto(address);
  return { page, errors };
}
