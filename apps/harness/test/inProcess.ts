import type { Device } from '@flambeau/core';
import { Session, type App, type AppOptions, type Platform, type ProgressState, type RunResult } from '@flambeau/app-harness';
import { mnistRoot } from '../src/node/mnist.ts';

/** What an app showed while it trained. */
export interface Shown {
  readonly result: RunResult;
  /** The charts by name, each with the step at which it was drawn. */
  readonly charts: readonly (readonly [name: string, step: number])[];
  readonly states: readonly ProgressState[];
}

/** Trains an app in this process with seed 1, on a device. */
export async function trainHere(app: App, device: Device, options: Partial<AppOptions> = {}): Promise<Shown> {
  const charts: [string, number][] = [];
  const states: ProgressState[] = [];
  const results: RunResult[] = [];
  const platform: Platform = {
    mnistRoot: mnistRoot(),
    log: () => undefined,
    start: () =>
      Promise.resolve({
        progress: (state) => void states.push(state),
        chart: (name) => void charts.push([name, states.length + 1]),
        turn: () => Promise.resolve(true),
        finish: (result) => Promise.resolve(void results.push(result)),
      }),
  };
  const { epochs, batchSize, lr } = app;
  await app.train(new Session(app.name, { seed: 1, steps: undefined, epochs, batchSize, lr, ...options }, device, platform));
  return { result: results[0], charts, states };
}
