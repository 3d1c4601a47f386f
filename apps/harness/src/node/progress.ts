import { SingleBar } from 'cli-progress';
import type { ProgressState } from '../platform.ts';
import { rate } from '../rate.ts';

function duration(time: number): string {
  const seconds = Math.round(time);
  return seconds < 90 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** Shows how a run goes: a bar on a terminal, a plain line now and then elsewhere. */
export class Progress {
  private readonly bar: SingleBar | undefined;
  private readonly total: number;
  private lastLine = 0;
  private lastShown = 0;

  constructor(total: number, terminal = process.stdout.isTTY === true) {
    this.total = total;
    this.bar = terminal
      ? new SingleBar({
          format: '{bar} {value}/{total}  loss {loss}{accuracy}  {rate} samples/s  {left} left',
          barsize: 24,
          fps: 10,
          hideCursor: true,
          stream: process.stdout,
        })
      : undefined;
    this.bar?.start(total, 0, { loss: '-', accuracy: '', rate: '-', left: '-' });
  }

  update(state: ProgressState): void {
    const accuracy = state.accuracy === null ? '' : `  accuracy ${state.accuracy.toFixed(4)}`;
    const fields = { loss: state.loss.toFixed(6), accuracy, rate: rate(state.samplesPerSecond), left: duration(state.secondsLeft) };
    if (this.bar !== undefined) {
      this.bar.update(state.step, fields);
      return;
    }
    // Without a terminal: the first and the last step, each twentieth part, and a sign of life every ten seconds.
    const now = performance.now();
    const due =
      state.step === 1 || state.step === this.total || state.step - this.lastShown >= this.total / 20 || now - this.lastLine > 10_000;
    if (!due) return;
    this.lastLine = now;
    this.lastShown = state.step;
    console.log(`step ${state.step}/${this.total}  loss ${fields.loss}${accuracy}  ${fields.rate} samples/s  ${fields.left} left`);
  }

  stop(): void {
    this.bar?.stop();
  }
}
