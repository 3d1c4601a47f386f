import type { Point } from '@flambeau/plot';

/** Parts into which a long curve is cut. A chart is narrower than that in pixels. */
const parts = 1000;

/**
 * The curve of a value over the steps 1, 2, ...: what a chart can show of it, however long it is. Of each of a thousand parts the lowest and the
 * highest value stay, so that no peak is lost. Values that are NaN are left out.
 */
export function curve(values: readonly number[]): Point[] {
  const points: Point[] = [];
  const add = (i: number): void => {
    if (!Number.isNaN(values[i])) points.push([i + 1, values[i]]);
  };
  if (values.length <= 2 * parts) {
    for (let i = 0; i < values.length; i++) add(i);
    return points;
  }
  for (let part = 0; part < parts; part++) {
    const [start, end] = [Math.floor((part * values.length) / parts), Math.floor(((part + 1) * values.length) / parts)];
    let [low, high] = [start, start];
    for (let i = start + 1; i < end; i++) {
      if (Number.isNaN(values[low]) || values[i] < values[low]) low = i;
      if (Number.isNaN(values[high]) || values[i] > values[high]) high = i;
    }
    add(Math.min(low, high));
    if (low !== high) add(Math.max(low, high));
  }
  return points;
}
