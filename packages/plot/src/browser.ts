// What a page can use: charts as SVG. Files, PNGs and the live page need Node.
export { renderSvg, type ChartDefinition, type Field, type Point, type Series } from './chart.ts';
