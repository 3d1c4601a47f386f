import { writeFileSync } from 'node:fs';
import type { Device } from '@flambeau/core';
import type { AppOptions } from './options.ts';

/** What `--json` writes. */
export interface RunResult {
  readonly losses: readonly number[];
  readonly accuracy: number | null;
  readonly seconds: number;
  readonly samplesPerSecond: number;
  readonly device: string;
  readonly engine: string;
}

/** Keeps the figures of a training run and shows how it goes. */
export class Run {
  readonly losses: number[] = [];
  accuracy: number | null = null;
  private readonly started = performance.now();
  private samples = 0;
  private readonly options: AppOptions;
  private readonly device: Device;
  private readonly total: number;

  constructor(options: AppOptions, device: Device, total: number) {
    this.options = options;
    this.device = device;
    this.total = options.steps === undefined ? total : Math.min(options.steps, total);
  }

  /** Notes one step. @returns false when the run has all the steps that were asked for */
  step(loss: number, samples: number): boolean {
    this.losses.push(loss);
    this.samples += samples;
    const { length } = this.losses;
    if (length === 1 || length % Math.max(1, Math.floor(this.total / 20)) === 0 || length === this.total) {
      const rate = this.samples / ((performance.now() - this.started) / 1000);
      console.log(`step ${length}/${this.total}  loss ${loss.toFixed(6)}  ${rate.toFixed(0)} samples/s`);
    }
    return length < this.total;
  }

  /** Ends the run: prints the figures and writes `--json`. */
  finish(): RunResult {
    const seconds = (performance.now() - this.started) / 1000;
    const result: RunResult = {
      losses: this.losses,
      accuracy: this.accuracy,
      seconds,
      samplesPerSecond: this.samples / seconds,
      device: this.device.name,
      engine: this.device.name,
    };
    if (this.options.json !== undefined) writeFileSync(this.options.json, `${JSON.stringify(result)}\n`);
    console.log(
      `${this.losses.length} steps in ${seconds.toFixed(1)} s on ${result.engine}${this.accuracy === null ? '' : `, accuracy ${this.accuracy.toFixed(4)}`}`,
    );
    return result;
  }
}
