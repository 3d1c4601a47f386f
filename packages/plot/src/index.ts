export { renderSvg, type ChartDefinition, type Field, type Point, type Series } from './chart.ts';
export { renderPng } from './png.ts';
export { saveChart } from './save.ts';
export { LivePage, type LiveState } from './live.ts';
