import { createRequire } from 'node:module';
import { ArgumentError, describe } from '@flambeau/core';
import { Resvg } from '@resvg/resvg-js';

// Without a font the rasterizer drops every text, so the package brings one.
const fontFile = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

/** Rasterizes an SVG document at `scale` pixels a unit. @throws ArgumentError for what is no SVG */
export function renderPng(svg: string, scale = 1.5): Uint8Array {
  const op = 'renderPng';
  if (typeof svg !== 'string') throw new ArgumentError({ op, expected: 'an SVG document as a string', received: describe(svg) });
  if (!(typeof scale === 'number' && scale > 0 && scale < Infinity))
    throw new ArgumentError({ op, expected: 'a positive scale', received: describe(scale) });
  try {
    const image = new Resvg(svg, {
      fitTo: { mode: 'zoom', value: scale },
      font: { fontFiles: [fontFile], loadSystemFonts: false, defaultFontFamily: 'DejaVu Sans' },
    });
    return image.render().asPng();
  } catch (error) {
    throw new ArgumentError({ op, expected: 'an SVG document', received: describe(svg), hint: (error as Error).message, cause: error });
  }
}
