import type { Tensor } from '@flambeau/core';

/** The function along a line at distance `t`: its value, its gradient, and its slope, the product of gradient and direction. */
export interface LinePoint {
  readonly t: number;
  readonly value: number;
  readonly gradient: Tensor;
  readonly slope: number;
}

/** The minimum of the cubic through two points with their slopes, kept between bounds. @see Nocedal & Wright, equation 3.59 */
export function cubicMinimum(
  a: LinePoint,
  b: LinePoint,
  [low, high]: readonly [number, number] = a.t <= b.t ? [a.t, b.t] : [b.t, a.t],
): number {
  const d1 = a.slope + b.slope - (3 * (a.value - b.value)) / (a.t - b.t);
  const square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(square);
  const [p, q] = a.t <= b.t ? [a, b] : [b, a];
  const minimum = q.t - (q.t - p.t) * ((q.slope + d2 - d1) / (q.slope - p.slope + 2 * d2));
  return Math.min(Math.max(minimum, low), high);
}

export interface WolfeOptions {
  /** The distance to try first. */
  readonly t: number;
  /** The largest element of the direction. */
  readonly directionSize: number;
  /** Stops where the bracket, times `directionSize`, is narrower than this. */
  readonly toleranceChange: number;
  /** The most iterations of the search, each with one evaluation. */
  readonly maxEvaluations: number;
}

// The decrease that is asked for, and how much flatter the slope must become.
const [c1, c2] = [1e-4, 0.9];

/**
 * A point along a line where the function has fallen enough and the slope is flat enough: first a bracket that holds one, then ever smaller ones.
 * @see Nocedal & Wright, algorithms 3.5 and 3.6
 */
export function strongWolfe(
  evaluate: (t: number) => LinePoint,
  start: LinePoint,
  { t: first, directionSize, toleranceChange, maxEvaluations }: WolfeOptions,
): { point: LinePoint; evaluations: number } {
  const falls = (p: LinePoint): boolean => p.value <= start.value + c1 * p.t * start.slope;
  const isFlat = (p: LinePoint): boolean => Math.abs(p.slope) <= -c2 * start.slope;
  let previous = start;
  let point = evaluate(first);
  let evaluations = 1;
  let iterations = 0;
  let bracket: [LinePoint, LinePoint] | undefined;
  while (iterations < maxEvaluations) {
    if (!falls(point) || (iterations > 1 && point.value >= previous.value)) {
      bracket = [previous, point];
      break;
    }
    if (isFlat(point)) return { point, evaluations };
    if (point.slope >= 0) {
      bracket = [previous, point];
      break;
    }
    // Still falling: go on, at most ten times as far.
    const t = cubicMinimum(previous, point, [point.t + 0.01 * (point.t - previous.t), point.t * 10]);
    previous = point;
    point = evaluate(t);
    evaluations++;
    iterations++;
  }
  const ends = bracket ?? [start, point];
  let low = ends[0].value <= ends[1].value ? 0 : 1;
  let stalled = false;
  while (iterations < maxEvaluations) {
    const [near, far] = [Math.min(ends[0].t, ends[1].t), Math.max(ends[0].t, ends[1].t)];
    if ((far - near) * directionSize < toleranceChange) break;
    let t = cubicMinimum(ends[0], ends[1]);
    // Twice close to an end means no progress: then step a tenth of the bracket away from it.
    const margin = 0.1 * (far - near);
    if (Math.min(far - t, t - near) < margin) {
      if (stalled || t >= far || t <= near) {
        t = Math.abs(t - far) < Math.abs(t - near) ? far - margin : near + margin;
        stalled = false;
      } else stalled = true;
    } else stalled = false;
    point = evaluate(t);
    evaluations++;
    iterations++;
    if (!falls(point) || point.value >= ends[low].value) {
      ends[1 - low] = point;
      low = ends[0].value <= ends[1].value ? 0 : 1;
      continue;
    }
    const done = isFlat(point);
    if (!done && point.slope * (ends[1 - low].t - ends[low].t) >= 0) ends[1 - low] = ends[low];
    ends[low] = point;
    if (done) break;
  }
  return { point: ends[low], evaluations };
}
