import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BundledPage } from '../../../../tools/browser/bundle.ts';
import { hasChromium } from '../../../../tools/browser/chromium.ts';
import { load } from '../../src/index.ts';
import { CNN } from '../nets.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const fixture = (name: string): Buffer => readFileSync(here(`../fixtures/${name}`));
setDefaultDevice(cpu);

/** What PyTorch says of the file that it wrote. */
interface Manifest {
  readonly 'cnn.pt': { readonly holds: Readonly<Record<string, { shape: number[]; values: number[] }>> };
}

describe.skipIf(!hasChromium)('a bundle in Chromium', () => {
  let page: BundledPage;
  beforeAll(async () => {
    // Nothing is left to the platform: the bundle is whole.
    page = await BundledPage.open({
      entries: { main: here('main.ts') },
      files: { 'cnn.pt': fixture('cnn.pt'), 'legacy.pt': fixture('legacy.pt') },
    });
  });
  afterAll(() => page?.close());

  it.each(['url', 'bytes', 'blob', 'stream'])('loads the .pt that PyTorch wrote from a %s', async (how) => {
    const { holds } = (JSON.parse(fixture('manifest.json').toString()) as Manifest)['cnn.pt'];
    const read = await page.call<Record<string, { shape: number[]; values: number[] }>>('read', `${page.address}cnn.pt`, how);
    expect(Object.keys(read)).toEqual(Object.keys(holds));
    for (const [name, { shape, values }] of Object.entries(holds)) {
      expect(read[name].shape).toEqual(shape);
      expect(read[name].values.slice(0, values.length)).toEqual(values.slice(0, read[name].values.length));
    }
  });

  it('runs the net on WebAssembly with the numbers of Node', async () => {
    const net = new CNN();
    net.loadStateDict(await load<Map<string, Tensor>>(here('../fixtures/cnn.pt')));
    const inNode = net.forward(tensor(new Float32Array(784).fill(1)).view(1, 1, 28, 28)).sum().itemSync(); // prettier-ignore
    const { engine, outputs } = await page.call<{ engine: string; outputs: number }>('run', `${page.address}cnn.pt`);
    expect(engine).toBe('wasm');
    expect(Math.abs(outputs - inNode)).toBeLessThan(1e-4);
  });

  it.each(['pt', 'safetensors'])('saves %s into a stream and as bytes, and Node reads it', async (format) => {
    const { streamed, whole } = await page.call<{ streamed: number[]; whole: number[] }>('write', format);
    expect(streamed).toEqual(whole);
    const back = await load<Map<string, Tensor>>(Uint8Array.from(streamed));
    expect(back.get('weight')?.toArraySync()).toEqual([1.5, -2, 3]);
  });

  it('says what a file lacks, with its address', async () => {
    await expect(page.call('read', `${page.address}none.pt`, 'url')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(page.call('run', '/etc/passwd')).rejects.toMatchObject({ code: 'FILE_IO' });
  });
});
