import { describe, expect, it } from 'vitest';
import { classification } from '../../classification/src/classification.ts';
import { regression } from '../../regression/src/regression.ts';
import { loadDevice } from '@flambeau/app-harness';
import { curve } from '../src/curve.ts';
import { Progress } from '../src/node/progress.ts';
import { trainHere } from './inProcess.ts';

const device = await loadDevice('cpu');

describe.each([
  { app: regression, samples: 100, chart: 'fit' },
  { app: classification, samples: 200, chart: 'boundary' },
])('$app.name', ({ app, samples, chart }) => {
  it('draws its chart every 20 steps, and the losses at the end', async () => {
    const { charts } = await trainHere(app, device);
    expect(charts).toEqual([...[20, 40, 60, 80, 100].map((step) => [chart, step]), ['loss', 101]]);
  });

  it('takes the data in batches of a given size, in order; the last one is partial', async () => {
    // 0.4 of the data in a batch: three steps are an epoch, and the third has half a batch.
    const { result, states } = await trainHere(app, device, { batchSize: samples * 0.4, epochs: 2 });
    expect(result.losses).toHaveLength(6);
    expect(new Set(states.map(({ total }) => total))).toEqual(new Set([6]));
    expect(result.samplesPerSecond * result.seconds).toBeCloseTo(2 * samples, 6);
    expect(new Set(result.losses.slice(0, 3)).size).toBe(3);
  });

  it('trains on the whole data where a batch would hold more', async () => {
    const [whole, more] = [await trainHere(app, device, { steps: 3 }), await trainHere(app, device, { steps: 3, batchSize: 10 * samples })];
    expect(more.result.losses).toEqual(whole.result.losses);
  });
});

describe('the curve of a run', () => {
  it('has a point for each step that has a value', () => {
    expect(curve([0.5, NaN, 0.25])).toEqual([
      [1, 0.5],
      [3, 0.25],
    ]);
  });

  it('stays as short when a run goes on and on, and keeps its peaks', () => {
    const values = Float64Array.from({ length: 1_000_000 }, (_, i) => 1 / (i + 1));
    values[123_456] = 7;
    values[654_321] = NaN;
    const points = curve([...values]);
    expect(points.length).toBeLessThanOrEqual(2000);
    expect(points).toContainEqual([123_457, 7]);
    expect([points[0], points.at(-1)]).toEqual([
      [1, 1],
      [1_000_000, 1e-6],
    ]);
    const steps = points.map(([step]) => step);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  });
});

describe('the progress', () => {
  const state = { step: 3, total: 10, loss: 0.25, accuracy: 0.5, samplesPerSecond: 1234.4, secondsLeft: 7 };
  /** What is written to the standard output or to the console while `body` runs. */
  function written(stream: 'stdout' | 'console', body: () => void): string {
    let text = '';
    const { write } = process.stdout;
    const { log } = console;
    if (stream === 'stdout') process.stdout.write = (part: unknown) => ((text += String(part)), true);
    else console.log = (line: string) => void (text += `${line}\n`);
    try {
      body();
    } finally {
      process.stdout.write = write;
      console.log = log;
    }
    return text;
  }

  it('is a bar on a terminal, with loss, accuracy, samples a second and time left', () => {
    const isTTY = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
    Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true });
    try {
      const text = written('stdout', () => {
        const progress = new Progress(10);
        progress.update(state);
        progress.stop();
      });
      expect(text).toMatch(/[█=]+.* 3\/10 {2}loss 0\.250000 {2}accuracy 0\.5000 {2}1234 samples\/s {2}7 s left/);
    } finally {
      if (isTTY === undefined) Reflect.deleteProperty(process.stdout, 'isTTY');
      else Object.defineProperty(process.stdout, 'isTTY', isTTY);
    }
  });

  it('shows how slow a run is, and how long it takes', () => {
    const text = written('console', () =>
      new Progress(10, false).update({ ...state, step: 1, samplesPerSecond: 0.42, secondsLeft: 119.6 }),
    );
    expect(text).toMatch(/ {2}0\.4 samples\/s {2}2 min 0 s left/);
  });

  it('is plain lines elsewhere: the first step, each twentieth part, the last', () => {
    const text = written('console', () => {
      const progress = new Progress(100, false);
      for (let step = 1; step <= 100; step++) progress.update({ ...state, step, total: 100 });
    });
    const steps = text.trim().split('\n').map((line) => Number(/^step (\d+)\/100 {2}loss 0\.250000 {2}accuracy 0\.5000 {2}1234 samples\/s {2}7 s left$/.exec(line)?.[1])); // prettier-ignore
    expect(steps).toEqual([1, ...Array.from({ length: 19 }, (_, i) => 6 + 5 * i), 100]);
  });
});
