import type { Tensor } from '@flambeau/core';
import type { ChartDefinition, Point } from '@flambeau/plot';

/** The data as points, and the curve that the net has learned so far. */
export async function fitChart(x: Tensor, y: Tensor, prediction: Tensor, loss: number): Promise<ChartDefinition> {
  const [xs, ys, fitted] = await Promise.all([x.data(), y.data(), prediction.data()]);
  const pair = (values: ArrayLike<number | bigint>): Point[] =>
    Array.from({ length: x.numel() }, (_, i): Point => [Number(xs[i]), Number(values[i])]);
  return {
    title: 'Regression: y = x² + noise',
    subtitle: `loss ${loss.toFixed(4)}`,
    xLabel: 'x',
    yLabel: 'y',
    series: [
      { name: 'data', kind: 'scatter', points: pair(ys), color: '#7a8fa6' },
      { name: 'fit', points: pair(fitted), color: '#c23531' },
    ],
  };
}
