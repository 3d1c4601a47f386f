import { ArgumentError, describe } from '@flambeau/core';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { renderSvg, type ChartDefinition } from './chart.ts';
import { renderPng } from './png.ts';

/** Writes a file whole or not at all: whoever reads it never sees half a chart. */
function writeWhole(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.part`;
  writeFileSync(part, content);
  renameSync(part, file);
}

/**
 * Writes a chart as `path.svg` and `path.png`; folders are made.
 * @returns the SVG, for whoever shows it as well
 * @throws ArgumentError for a definition that lacks something
 */
export function saveChart(path: string, definition: ChartDefinition): string {
  if (typeof path !== 'string' || path === '')
    throw new ArgumentError({ op: 'saveChart', expected: 'a path without its extension', received: describe(path) });
  const svg = renderSvg(definition);
  writeWhole(`${path}.svg`, svg);
  writeWhole(`${path}.png`, renderPng(svg));
  return svg;
}
