import * as echarts from 'echarts';
import { checkDefinition } from './checks.ts';

/** A point (x, y). */
export type Point = readonly [x: number, y: number];

/** One line or cloud of points of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  /** `line` by default; `scatter` draws the points alone. */
  readonly kind?: 'line' | 'scatter';
  /** A CSS color; the chart chooses one when missing. */
  readonly color?: string;
}

/** A field of values over a grid, shown as colored cells: the decision of a classifier at each place. */
export interface Field {
  /** The centers of the cells along both axes. */
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** `values[row][column]` belongs to `y[row]` and `x[column]`, from 0 to 1. */
  readonly values: readonly (readonly number[])[];
  readonly colors: readonly [low: string, high: string];
}

/** What a chart shows. */
export interface ChartDefinition {
  readonly title: string;
  readonly subtitle?: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  readonly field?: Field;
  /** Draws the y axis in powers of ten. */
  readonly logarithmic?: boolean;
  /** Size in pixels; 720 by 450 by default. */
  readonly width?: number;
  readonly height?: number;
}

// The PNGs' font first; a page or a viewer that has none takes one of its own without serifs.
const fontFamily = 'DejaVu Sans, sans-serif';
const finite = ([x, y]: Point): boolean => Number.isFinite(x) && Number.isFinite(y);

/** The cells of a field as rectangles; ECharts' own heatmap wants categories where the points want numbers. */
function fieldSeries(field: Field): echarts.SeriesOption {
  const [columns, rows] = [field.x.length, field.y.length];
  const [dx, dy] = [
    (field.x[columns - 1] - field.x[0]) / Math.max(1, columns - 1),
    (field.y[rows - 1] - field.y[0]) / Math.max(1, rows - 1),
  ];
  const data = field.y.flatMap((y, row) => field.x.map((x, column) => [x, y, field.values[row][column]]));
  return {
    type: 'custom',
    silent: true,
    z: 0,
    data,
    renderItem: (_, api) => {
      const [x, y, value] = [Number(api.value(0)), Number(api.value(1)), Number(api.value(2))];
      const [left, top] = api.coord([x - dx / 2, y + dy / 2]);
      const [right, bottom] = api.coord([x + dx / 2, y - dy / 2]);
      return {
        type: 'rect',
        shape: { x: left, y: top, width: right - left + 0.5, height: bottom - top + 0.5 },
        style: { fill: value >= 0.5 ? field.colors[1] : field.colors[0], opacity: 0.12 + 0.3 * Math.abs(2 * value - 1) },
      };
    },
  };
}

/** Draws a chart as an SVG document. Points that are not finite are left out. @throws ArgumentError for a definition that lacks something */
export function renderSvg(definition: ChartDefinition): string {
  const {
    title,
    subtitle,
    xLabel,
    yLabel,
    series,
    field,
    logarithmic = false,
    width = 720,
    height = 450,
  } = checkDefinition('renderSvg', definition);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      textStyle: { fontFamily },
      title: { text: title, left: 'center', ...(subtitle !== undefined && { subtext: subtitle }) },
      legend: { bottom: 4, data: series.map((s) => s.name) },
      grid: { left: 70, right: 30, top: subtitle === undefined ? 50 : 70, bottom: 80 },
      xAxis: { type: 'value', name: xLabel, nameLocation: 'middle', nameGap: 26, scale: true },
      yAxis: { type: logarithmic ? 'log' : 'value', name: yLabel, nameLocation: 'middle', nameGap: 50, scale: true },
      series: [
        ...(field === undefined ? [] : [fieldSeries(field)]),
        ...series.map((s) => ({
          name: s.name,
          type: s.kind ?? 'line',
          data: s.points.filter(finite).filter(([, y]) => !logarithmic || y > 0).map(([x, y]) => [x, y]), // prettier-ignore
          showSymbol: false,
          symbolSize: 7,
          sampling: 'lttb',
          ...(s.color !== undefined && { itemStyle: { color: s.color }, lineStyle: { color: s.color } }),
        })),
      ],
    } as echarts.EChartsOption);
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}
