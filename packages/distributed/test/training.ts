import { expect } from 'vitest';
import { launch, type Launcher } from './launch.ts';

/** What programs/training.ts prints. */
interface Training {
  readonly losses: readonly number[];
  readonly weights: readonly number[];
}

/** Trains the CNN in `ranks` processes of a launcher, or alone. */
export async function train(launcher: Launcher | undefined, ranks: number, ...args: readonly string[]): Promise<Training> {
  const { status, stdout, stderr } = await launch(launcher, ranks, 'training', args);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(stdout) as Training;
}

const furthest = (a: readonly number[], b: readonly number[]): number => Math.max(...a.map((x, i) => Math.abs(x - b[i])));

/** Losses and weights of two runs agree within 1e-6, and the runs are not trivial. */
export function expectSameTraining(one: Training, other: Training, steps: number): void {
  expect(one.losses).toHaveLength(steps);
  expect(other.losses).toHaveLength(steps);
  expect(one.weights).toHaveLength(other.weights.length);
  // conv1 16·25 + 16, conv2 32·16·25 + 32, out 1568·10 + 10
  expect(one.weights).toHaveLength(416 + 12832 + 15690);
  expect(one.losses.at(-1)).toBeLessThan(one.losses[0]);
  expect(furthest(one.losses, other.losses)).toBeLessThanOrEqual(1e-6);
  expect(one.weights.reduce((most, x, i) => Math.max(most, Math.abs(x - other.weights[i])), 0)).toBeLessThanOrEqual(1e-6);
}
