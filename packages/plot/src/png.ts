import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';

// Without a font the rasterizer drops every text, so the package brings one.
const fontFile = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

/** Rasterizes an SVG document at `scale` pixels a unit. */
export function renderPng(svg: string, scale = 1.5): Uint8Array {
  const image = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: { fontFiles: [fontFile], loadSystemFonts: false, defaultFontFamily: 'DejaVu Sans' },
  });
  return image.render().asPng();
}
