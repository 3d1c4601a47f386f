import { createCpuDevice } from '@flambeau/backend-cpu';
import { describe, expect, it } from 'vitest';
import { devices, hasAddon } from './engines.ts';

// Tests of an engine are skipped where a machine lacks it. Where everything must be tested, a machine that lacks one fails here, by its name.

describe.runIf(process.env.FLAMBEAU_CI === '1')('where everything is tested, there is', () => {
  it('the native engine of the CPU', () => {
    expect(createCpuDevice('native').info.engine).toBe('native');
    expect(devices.map(([name]) => name)).toContain('cpu, native');
  });

  it('a GPU, or software in its place', async () => {
    const { open } = await import('./webgpu/open.ts');
    const device = await open();
    expect(device?.name).toBe('webgpu');
  });

  it('a browser', async () => {
    const { hasChromium, openChromium } = await import('../../../tools/browser/chromium.ts');
    expect(hasChromium).toBe(true);
    await (await openChromium()).close();
  });
});

describe('everywhere', () => {
  it('the CPU runs in WebAssembly, and natively where the addon was built', () => {
    expect(createCpuDevice('wasm').info.engine).toBe('wasm');
    expect(devices.map(([name]) => name)).toEqual(['reference', ...(hasAddon ? ['cpu, native'] : []), 'cpu, wasm']);
  });
});
