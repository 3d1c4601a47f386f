import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '@flambeau/core';
import type { Module } from '@flambeau/nn';
import { LivePage, renderSvg, saveChart, type ChartDefinition, type Point } from '@flambeau/plot';
import { engineName } from './device.ts';
import { InputExample } from './onnx.ts';
import type { AppDefaults, AppOptions } from './options.ts';
import { Progress } from './progress.ts';
import { saveWeights } from './weights.ts';

/** What `--json` writes. */
export interface RunResult {
  readonly losses: readonly number[];
  readonly accuracy: number | null;
  readonly seconds: number;
  readonly samplesPerSecond: number;
  readonly device: string;
  readonly engine: string;
}

const runsFolder = fileURLToPath(new URL('../../../runs/', import.meta.url));

/** One training run: counts its steps, shows how it goes, draws its charts, and ends whole also when Ctrl-C stops it. */
export class Run {
  readonly losses: number[] = [];
  /** The newest accuracy, for the progress line and the result. */
  accuracy: number | null = null;
  /** True once Ctrl-C was pressed: the run ends after the step that it is in. */
  interrupted = false;
  private finished = false;
  private readonly options: AppOptions;
  private readonly device: Device;
  private readonly network: Module;
  private readonly name: string;
  private readonly total: number;
  private readonly progress: Progress;
  private readonly example: InputExample | undefined;
  private readonly accuracies: Point[] = [];
  private readonly charts: Record<string, string> = {};
  private readonly started = performance.now();
  private lastStep = this.started;
  private samples = 0;
  /** Milliseconds spent on charts, which are no part of the training time. */
  private drawing = 0;
  private live: LivePage | undefined;
  private lastLive = 0;

  private constructor(app: AppDefaults, options: AppOptions, device: Device, network: Module, total: number) {
    this.name = app.name;
    this.options = options;
    this.device = device;
    this.network = network;
    this.total = options.steps === undefined ? total : Math.min(options.steps, total);
    this.progress = new Progress(this.total);
    this.example = options.exportOnnx === undefined ? undefined : new InputExample(network);
  }

  /** Starts a run of `total` steps (fewer with `--steps`). With `--live` it prints the address of the page. */
  static async start(app: AppDefaults, options: AppOptions, device: Device, network: Module, total: number): Promise<Run> {
    console.log(`${app.name}: seed ${options.seed}, device ${device.name} (${await engineName(device)})`);
    const live = options.live ? await LivePage.open() : undefined;
    if (live !== undefined) console.log(`live charts: ${live.address}`);
    const run = new Run(app, options, device, network, total);
    run.live = live;
    process.on('SIGINT', run.interrupt);
    return run;
  }

  /** Ctrl-C: the first ends the run in order, the second at once. */
  private readonly interrupt = (): void => {
    if (this.interrupted) process.exit(130);
    this.interrupted = true;
    console.log('\nstopping after this step (press Ctrl-C again to stop at once)');
  };

  /**
   * Notes one step. It is a promise so that the event loop gets its turn: for Ctrl-C, and for the live page.
   * @returns true when there is another step to take
   */
  async step(loss: number, samples: number): Promise<boolean> {
    this.losses.push(loss);
    this.samples += samples;
    this.lastStep = performance.now();
    const { length } = this.losses;
    if (this.accuracy !== null) this.accuracies.push([length, this.accuracy]);
    const { seconds } = this;
    this.progress.update({
      step: length,
      loss,
      accuracy: this.accuracy,
      samplesPerSecond: this.samples / seconds,
      secondsLeft: (seconds / length) * (this.total - length),
    });
    if (length % 16 === 0 || this.live !== undefined) await new Promise((resolve) => setImmediate(resolve));
    this.showLive(length);
    return length < this.total && !this.interrupted;
  }

  /** Draws a chart into runs/<app>/, and on the live page. */
  chart(name: string, definition: ChartDefinition): void {
    const started = performance.now();
    this.charts[name] = saveChart(join(runsFolder, this.name, name), definition);
    // Only charts between steps are inside the training time.
    if (!this.finished) this.drawing += performance.now() - started;
  }

  /** Seconds of training, up to the last step. */
  private get seconds(): number {
    return (this.lastStep - this.started - this.drawing) / 1000;
  }

  private lossChart(): ChartDefinition {
    const series = [{ name: 'loss', points: this.losses.map((loss, i): Point => [i + 1, loss]) }];
    if (this.accuracies.length > 1) series.push({ name: 'accuracy', points: this.accuracies });
    return { title: `${this.name}: loss`, xLabel: 'step', yLabel: 'loss', series };
  }

  private showLive(step: number): void {
    const now = performance.now();
    if (this.live === undefined || (now - this.lastLive < 500 && step < this.total)) return;
    this.lastLive = now;
    const accuracy = this.accuracy === null ? '' : `, accuracy ${this.accuracy.toFixed(4)}`;
    const text = `step ${step} of ${this.total}, loss ${this.losses[step - 1].toFixed(6)}${accuracy}`;
    this.live.show({ title: this.name, text, charts: { ...this.charts, loss: renderSvg(this.lossChart()) } });
  }

  /** Ends the run: draws the loss curve, saves what was asked for, prints the figures. */
  async finish(): Promise<RunResult> {
    this.finished = true;
    const { seconds } = this;
    this.progress.stop();
    process.off('SIGINT', this.interrupt);
    this.chart('loss', this.lossChart());
    const { save, exportOnnx, json } = this.options;
    // A run that was stopped keeps its state also when no file was named.
    const file = save ?? (this.interrupted ? join(runsFolder, this.name, 'interrupted.safetensors') : undefined);
    if (file !== undefined) {
      await saveWeights(this.network, file);
      console.log(`weights: ${file}`);
    }
    if (exportOnnx !== undefined && (await this.example?.export(this.network, exportOnnx)) === true) console.log(`ONNX: ${exportOnnx}`);
    const result: RunResult = {
      losses: this.losses,
      accuracy: this.accuracy,
      seconds,
      samplesPerSecond: this.samples / seconds,
      device: this.device.name,
      engine: await engineName(this.device),
    };
    if (json !== undefined) writeWhole(json, `${JSON.stringify(result)}\n`);
    const figures = `${this.losses.length} steps in ${seconds.toFixed(1)} s (${result.samplesPerSecond.toFixed(0)} samples/s) on ${result.engine}`;
    console.log(
      `${this.interrupted ? 'stopped: ' : ''}${figures}, loss ${(this.losses.at(-1) ?? NaN).toFixed(6)}${this.accuracy === null ? '' : `, accuracy ${this.accuracy.toFixed(4)}`}`,
    );
    console.log(`charts: runs/${this.name}/`);
    this.showLive(this.losses.length);
    await this.live?.close();
    return result;
  }
}

function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.part`, text);
  renameSync(`${file}.part`, file);
}
