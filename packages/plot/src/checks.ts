import { ArgumentError, checkArray, checkNumber, describe, isPlainObject } from '@flambeau/core';
import type { ChartDefinition, Field, Point, Series } from './chart.ts';

// What a chart asks of its definition: a mistake is told by the part that it is in, not by what ECharts or the rasterizer make of it.

function checkText(op: string, name: string, value: unknown): void {
  if (typeof value !== 'string') throw new ArgumentError({ op, expected: `${name} to be a string`, received: describe(value) });
}

function checkPoints(op: string, name: string, points: readonly Point[]): void {
  const wrong = checkArray(op, `points of ${name}`, points).find(
    (point) => !Array.isArray(point) || typeof point[0] !== 'number' || typeof point[1] !== 'number',
  );
  if (wrong !== undefined) throw new ArgumentError({ op, expected: `points [x, y] of ${name}`, received: describe(wrong) });
}

function checkSeries(op: string, series: Series, place: number): void {
  if (!isPlainObject(series)) throw new ArgumentError({ op, expected: `series ${place} to be an object`, received: describe(series) });
  checkText(op, `the name of series ${place}`, series.name);
  checkPoints(op, `series ${place}`, series.points);
}

/** Every row of values has a number for each column, and there is a row for each y. */
function checkField(op: string, field: Field): void {
  if (!isPlainObject(field)) throw new ArgumentError({ op, expected: 'field to be an object', received: describe(field) });
  const { x, y, values, colors } = field;
  for (const [name, list] of Object.entries({ x, y, values, colors })) checkArray(op, `${name} of the field`, list);
  const isWhole = values.length === y.length && values.every((row) => Array.isArray(row) && row.length === x.length);
  if (!isWhole || colors.length !== 2)
    throw new ArgumentError({ op, expected: `${y.length} rows of ${x.length} values and two colors in the field`, received: `${values.length} rows and ${colors.length} colors` }); // prettier-ignore
}

/** @throws ArgumentError unless `definition` says what a chart shows */
export function checkDefinition(op: string, definition: ChartDefinition): ChartDefinition {
  if (!isPlainObject(definition)) throw new ArgumentError({ op, expected: 'the definition of a chart', received: describe(definition) });
  const { title, subtitle = '', xLabel, yLabel, series, field, width = 1, height = 1 } = definition;
  for (const [name, text] of Object.entries({ title, subtitle, xLabel, yLabel })) checkText(op, name, text);
  checkArray(op, 'series', series).forEach((one, i) => checkSeries(op, one, i));
  if (field !== undefined) checkField(op, field);
  for (const [name, size] of Object.entries({ width, height }))
    if (!(checkNumber(op, name, size) > 0)) throw new ArgumentError({ op, expected: `a positive ${name}`, received: describe(size) });
  return definition;
}
