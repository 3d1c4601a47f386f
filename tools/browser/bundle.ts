import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { openChromium, openPage } from './chromium.ts';

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

const html = '<!doctype html><link rel="icon" href="data:,"><script type="module">globalThis.main = import("./main.js")</script>';

/** How modules are bundled for the browser. */
export interface BundleOptions {
  /** Entry points by the name that each gets: `main` is loaded by the page, others by their addresses (workers, datasets). */
  readonly entries: Readonly<Record<string, string>>;
  /** Modules that the bundle may leave to the platform, which a page never loads. */
  readonly external?: readonly string[];
  /** Files that the server gives besides, by path. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
}

/** Modules bundled from the packages' sources, in a page of Chromium: their exports can be called from a test. */
export class BundledPage {
  readonly errors: string[];
  /** Where the page is served. */
  readonly address: string;
  private readonly page: Page;
  private readonly browser: Browser;
  private readonly server: Server;
  private readonly folder: string;

  private constructor(browser: Browser, server: Server, folder: string, opened: { page: Page; errors: string[] }, address: string) {
    this.browser = browser;
    this.server = server;
    this.folder = folder;
    this.page = opened.page;
    this.errors = opened.errors;
    this.address = address;
  }

  /** Bundles, serves and opens a page. */
  static async open({ entries, external = [], files = {} }: BundleOptions): Promise<BundledPage> {
    const folder = mkdtempSync(join(tmpdir(), 'flambeau-bundle-'));
    await build({
      entryPoints: Object.entries(entries).map(([out, entry]) => ({ in: entry, out })),
      outdir: folder,
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      conditions: ['flambeau-source', 'module', 'browser'],
      keepNames: true,
      external: [...external],
      logLevel: 'error',
      absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
    });
    const server = createServer(({ url = '/' }, response) => {
      const name = url.split('?')[0].slice(1);
      // Isolated, so that SharedArrayBuffer is there.
      const headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
      try {
        if (name === '') return response.writeHead(200, { ...headers, 'content-type': 'text/html' }).end(html); // prettier-ignore
        const content = files[name] ?? readFileSync(join(folder, name));
        return response.writeHead(200, { ...headers, 'content-type': types[extname(name)] ?? 'application/octet-stream' }).end(content);
      } catch {
        return response.writeHead(404, headers).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const browser = await openChromium();
    return new BundledPage(browser, server, folder, await openPage(browser, address), address);
  }

  /** Calls an export of `main` in the page. Arguments and results are plain data; an error comes back with its code and message. */
  async call<T>(name: string, ...args: readonly unknown[]): Promise<T> {
    const answer = await this.page.evaluate(
      async ([called, given]) => {
        try {
          const { main } = globalThis as unknown as { main: Promise<Record<string, (...args: readonly unknown[]) => unknown>> };
          return { value: await (await main)[called](...given) };
        } catch (error) {
          const { message, stack, ...fields } = error as Error & { code?: unknown };
          return { failed: { message, stack, fields: JSON.parse(JSON.stringify({ ...fields, code: (error as { code?: unknown }).code })) as object } }; // prettier-ignore
        }
      },
      [name, args] as const,
    );
    if (answer.failed !== undefined) {
      const { message, stack, fields } = answer.failed;
      throw Object.assign(new Error(message), fields, { browserStack: stack });
    }
    return answer.value as T;
  }

  /** Makes the page's collector run to its end, as a test of memory needs it. */
  async collectGarbage(): Promise<void> {
    const session = await this.page.context().newCDPSession(this.page);
    await session.send('HeapProfiler.collectGarbage');
    await session.detach();
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
