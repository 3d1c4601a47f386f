import { tensor, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import type { Sequential } from '@flambeau/nn';
import type { ChartDefinition, Point } from '@flambeau/plot';

const colors = ['#2f6db5', '#c23531'] as const;
const cells = 60;

/** The points of both classes over the net's probability of class 1 at each place. */
export async function boundaryChart(net: Sequential, x: Tensor, y: Tensor, accuracy: number): Promise<ChartDefinition> {
  const [points, classes] = [(await x.toArray()) as [number, number][], (await y.toArray()) as number[]];
  const axis = (values: number[]): number[] => {
    const [low, high] = [Math.min(...values) - 0.5, Math.max(...values) + 0.5];
    return Array.from({ length: cells }, (_, i) => low + ((high - low) * i) / (cells - 1));
  };
  const [xs, ys] = [axis(points.map((p) => p[0])), axis(points.map((p) => p[1]))];
  const grid = tensor(ys.flatMap((row) => xs.map((column) => [column, row])), { device: x.device }); // prettier-ignore
  const probabilities = noGrad(() => net.forward(grid).softmax(1).select(1, 1));
  const values = (await probabilities.view(cells, cells).toArray()) as number[][];
  const ofClass = (wanted: number): Point[] => points.filter((_, i) => classes[i] === wanted);
  return {
    title: 'Classification: two clouds',
    subtitle: `accuracy ${accuracy.toFixed(4)}`,
    xLabel: 'x₀',
    yLabel: 'x₁',
    field: { x: xs, y: ys, values, colors },
    series: [
      { name: 'class 0', kind: 'scatter', points: ofClass(0), color: colors[0] },
      { name: 'class 1', kind: 'scatter', points: ofClass(1), color: colors[1] },
    ],
  };
}
