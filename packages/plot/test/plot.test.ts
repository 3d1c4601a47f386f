import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LivePage, renderPng, renderSvg, saveChart, type ChartDefinition } from '@flambeau/plot';

const definition: ChartDefinition = {
  title: 'Loss',
  xLabel: 'step',
  yLabel: 'loss',
  series: [{ name: 'training', points: [[0, 1], [1, 0.5], [2, 0.25]], color: '#c23531' }], // prettier-ignore
};

describe('charts', () => {
  it('are SVG documents with their title, labels and line', () => {
    const svg = renderSvg(definition);
    expect(svg).toMatch(/^<svg/);
    for (const text of ['Loss', 'step', 'training']) expect(svg).toContain(text);
    expect(svg).toContain('#c23531');
    // Where nobody installed DejaVu, a browser would take its font with serifs.
    expect(svg).toMatch(/font-family:\s*DejaVu Sans, sans-serif/);
  });

  it('leave out values that are not finite', () => {
    const svg = renderSvg({ ...definition, series: [{ name: 'training', points: [[0, 1], [1, NaN], [2, Infinity], [3, 0.5]] }] }); // prettier-ignore
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it('draw text in the PNG: the title changes pixels', () => {
    const [plain, titled] = [renderPng(renderSvg({ ...definition, title: '' })), renderPng(renderSvg(definition))];
    expect([...titled.subarray(1, 4)].map((c) => String.fromCharCode(c)).join('')).toBe('PNG');
    expect(Buffer.from(plain).equals(Buffer.from(titled))).toBe(false);
  });

  it('color the cells of a field by the side of one half that they are on', () => {
    const svg = renderSvg({ ...definition, field: { x: [0, 1], y: [0, 1], values: [[0, 1], [1, 0]], colors: ['#112233', '#445566'] } }); // prettier-ignore
    expect(svg).toMatch(/#112233|rgb\(17,34,51\)/);
    expect(svg).toMatch(/#445566|rgb\(68,85,102\)/);
  });

  it('are written whole as SVG and PNG', () => {
    const folder = mkdtempSync(join(tmpdir(), 'plot-'));
    saveChart(join(folder, 'deep', 'loss'), definition);
    expect(readdirSync(join(folder, 'deep')).sort()).toEqual(['loss.png', 'loss.svg']);
    expect(readFileSync(join(folder, 'deep', 'loss.svg'), 'utf8')).toMatch(/<\/svg>\s*$/);
  });
});

describe('the live page', () => {
  it('streams each state to whoever listens, the last one first', async () => {
    const live = await LivePage.open();
    live.show({ title: 'run', text: 'step 1', charts: { loss: '<svg/>' } });
    const response = await fetch(`${live.address}events`);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const first = new TextDecoder().decode((await reader.read()).value);
    expect(first).toContain('step 1');
    live.show({ title: 'run', text: 'step 2', charts: {} });
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('step 2');
    expect(await (await fetch(live.address)).text()).toContain('EventSource');
    await live.close();
    await expect(fetch(live.address)).rejects.toThrow();
  });
});
