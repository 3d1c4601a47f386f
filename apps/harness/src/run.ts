import type { Device } from '@flambeau/core';
import type { ChartDefinition } from '@flambeau/plot';
import { curve } from './curve.ts';
import { countersOf, engineName } from './device.ts';
import type { AskedOfGpu, RunResult, RunView } from './platform.ts';

/** One training run: counts its steps and times, and shows how it goes. */
export class Run {
  readonly losses: number[] = [];
  /** The newest accuracy, for the progress and the result. */
  accuracy: number | null = null;
  private stopped = false;
  private readonly name: string;
  private readonly view: RunView;
  private readonly device: Device;
  private readonly total: number;
  /** The accuracy at each step, NaN where there was none yet. */
  private readonly accuracies: number[] = [];
  private samples = 0;
  /** Milliseconds of training, without charts and without the turns of others. */
  private training = 0;
  private stepStarted = performance.now();
  /** What each step asked of a GPU, and what was asked up to the last. */
  private readonly asked: AskedOfGpu[] = [];
  private counters: AskedOfGpu | undefined;

  constructor(name: string, view: RunView, device: Device, total: number) {
    this.name = name;
    this.view = view;
    this.device = device;
    this.total = total;
    this.counters = countersOf(device);
  }

  /**
   * Notes one step. It is a promise so that others get their turn: Ctrl-C, a live page, a button that stops the run.
   * @returns true when there is another step to take
   */
  async step(loss: number, samples: number): Promise<boolean> {
    this.losses.push(loss);
    this.samples += samples;
    this.count();
    this.training += performance.now() - this.stepStarted;
    const { length } = this.losses;
    const { total, accuracy } = this;
    this.accuracies.push(accuracy ?? NaN);
    const seconds = this.training / 1000;
    this.view.progress(
      {
        step: length,
        total,
        loss,
        accuracy,
        samplesPerSecond: this.samples / seconds,
        secondsLeft: (seconds / length) * (total - length),
      },
      () => this.lossChart(),
    );
    this.stopped = !(await this.view.turn(length));
    this.stepStarted = performance.now();
    return length < total && !this.stopped;
  }

  private count(): void {
    const [before, now] = [this.counters, countersOf(this.device)];
    this.counters = now;
    if (before === undefined || now === undefined) return;
    this.asked.push({ dispatches: now.dispatches - before.dispatches, submissions: now.submissions - before.submissions });
  }

  /** Shows a chart of the app's own. */
  chart(name: string, definition: ChartDefinition): void {
    const started = performance.now();
    this.view.chart(name, definition);
    this.stepStarted += performance.now() - started;
  }

  private lossChart(): ChartDefinition {
    const series = [{ name: 'loss', points: curve(this.losses) }];
    const accuracy = curve(this.accuracies);
    if (accuracy.length > 1) series.push({ name: 'accuracy', points: accuracy });
    return { title: `${this.name}: loss`, xLabel: 'step', yLabel: 'loss', series };
  }

  /** Ends the run: draws the loss curve and shows the figures. */
  async finish(): Promise<RunResult> {
    const { device, losses, accuracy, samples } = this;
    const seconds = this.training / 1000;
    this.chart('loss', this.lossChart());
    const result = {
      losses,
      accuracy,
      seconds,
      samplesPerSecond: samples / seconds,
      device: device.name,
      engine: engineName(device),
      asked: median(this.asked),
    };
    await this.view.finish(result, this.stopped);
    return result;
  }
}

/** The middle of what steps asked: the first compile, and some draw charts. */
function median(asked: readonly AskedOfGpu[]): AskedOfGpu | null {
  if (asked.length === 0) return null;
  const middle = (of: (one: AskedOfGpu) => number): number => asked.map(of).sort((a, b) => a - b)[asked.length >> 1];
  return { dispatches: middle(({ dispatches }) => dispatches), submissions: middle(({ submissions }) => submissions) };
}
