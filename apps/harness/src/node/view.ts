import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LivePage, renderSvg, saveChart, type ChartDefinition } from '@flambeau/plot';
import { engineName } from '../device.ts';
import type { ProgressState, RunResult, RunStart, RunView } from '../platform.ts';
import { rate } from '../rate.ts';
import { InputExample } from './onnx.ts';
import type { NodeOptions } from './options.ts';
import { Progress } from './progress.ts';
import { prepareTarget } from './targets.ts';
import { loadWeights, saveWeights } from './weights.ts';

/** Where charts and interrupted weights go; FLAMBEAU_RUNS names another folder. */
const runsFolder = process.env.FLAMBEAU_RUNS ?? fileURLToPath(new URL('../../../../runs/', import.meta.url));

/** Milliseconds after which the event loop has its turn, however few steps there were. */
const betweenTurns = 50;

/** What ends a run in order: Ctrl-C, `kill` and whoever shuts a machine down, a terminal that is closed. Those of a team are mpirun's to end. */
const signalsOf = ({ distributed }: NodeOptions): readonly NodeJS.Signals[] => (distributed ? ['SIGINT'] : ['SIGINT', 'SIGTERM', 'SIGHUP']);

/** A run in a terminal: a bar or lines, charts as files and on a live page, and an end in order also when Ctrl-C stops it. */
export class TerminalView implements RunView {
  private readonly run: RunStart;
  private readonly options: NodeOptions;
  private readonly live: LivePage | undefined;
  private readonly bar: Progress;
  private readonly example: InputExample | undefined;
  private readonly charts: Record<string, string> = {};
  private interrupted = false;
  private steps = 0;
  /** Where the weights went. */
  private saved: string | undefined;
  private lastLive = 0;
  private lastTurn = 0;

  private constructor(run: RunStart, options: NodeOptions, live: LivePage | undefined) {
    this.run = run;
    this.options = options;
    this.live = live;
    this.bar = new Progress(run.total);
    this.example = options.exportOnnx === undefined ? undefined : new InputExample(run.network);
    for (const signal of signalsOf(this.options)) process.on(signal, this.interrupt);
    process.stdout.on('error', this.interrupt);
  }

  /** Loads the weights that were asked for, and says what begins. With `--live` it prints the address of the page. */
  static async start(run: RunStart, options: NodeOptions): Promise<TerminalView> {
    const { name, seed, device, network } = run;
    // Before the training, not after it.
    for (const [option, file] of Object.entries({ '--save': options.save, '--export-onnx': options.exportOnnx, '--json': options.json }))
      if (file !== undefined) prepareTarget(option, file);
    prepareTarget('FLAMBEAU_RUNS', join(runsFolder, name, 'loss.svg'));
    await loadWeights(network, options.load, device);
    console.log(`${name}: seed ${seed}, device ${device.name} (${engineName(device)})`);
    const live = options.live ? await LivePage.open() : undefined;
    if (live !== undefined) console.log(`live charts: ${live.address}`);
    return new TerminalView(run, options, live);
  }

  /** Ctrl-C: the first ends the run in order, the second at once. So do the other signals, and an output that nobody reads any more. */
  private readonly interrupt = (reason: NodeJS.Signals | Error): void => {
    if (this.interrupted) {
      if (reason !== 'SIGINT') return;
      this.bar.stop();
      process.exit(130);
    }
    this.interrupted = true;
    console.log('\nstopping after this step (press Ctrl-C again to stop at once)');
  };

  progress(state: ProgressState, loss: () => ChartDefinition): void {
    this.bar.update(state);
    const now = performance.now();
    if (this.live === undefined || (now - this.lastLive < 500 && state.step < state.total)) return;
    this.lastLive = now;
    const accuracy = state.accuracy === null ? '' : `, accuracy ${state.accuracy.toFixed(4)}`;
    this.charts.loss = renderSvg(loss());
    this.showLive(`step ${state.step} of ${state.total}, loss ${state.loss.toFixed(6)}${accuracy}`);
  }

  private showLive(text: string): void {
    this.live?.show({ title: this.run.name, text, charts: this.charts });
  }

  chart(name: string, definition: ChartDefinition): void {
    this.charts[name] = saveChart(join(runsFolder, this.run.name, name), definition);
  }

  async turn(step: number): Promise<boolean> {
    // A turn of the event loop: for Ctrl-C, and for the live page.
    if (step % 16 === 0 || this.live !== undefined || performance.now() - this.lastTurn > betweenTurns) {
      await new Promise((resolve) => setImmediate(resolve));
      this.lastTurn = performance.now();
    }
    this.steps = step;
    if (!this.interrupted) return true;
    this.bar.stop();
    // At once, and not after the evaluation, for which whoever stops a run may have no time.
    await this.saveWeights(true);
    return false;
  }

  /** Writes the weights where they were asked for; a run that ends early keeps them also when no file was named. */
  private async saveWeights(early: boolean): Promise<void> {
    const { name, network } = this.run;
    const file = this.options.save ?? (early ? join(runsFolder, name, 'interrupted.safetensors') : undefined);
    if (file === undefined || this.saved === file) return;
    await saveWeights(network, file);
    this.saved = file;
    console.log(`weights: ${file}`);
  }

  /** Gives the terminal back. */
  private async close(): Promise<void> {
    this.bar.stop();
    for (const signal of signalsOf(this.options)) process.off(signal, this.interrupt);
    process.stdout.off('error', this.interrupt);
    await this.live?.close();
  }

  /** Ends a run that failed: what it learned is kept, where it can still be read. */
  async fail(): Promise<void> {
    await this.close();
    if (this.steps > 0) await this.saveWeights(true).catch(() => undefined);
  }

  async finish(result: RunResult, stopped: boolean): Promise<void> {
    const { name, network } = this.run;
    this.bar.stop();
    const { exportOnnx, json } = this.options;
    await this.saveWeights(stopped);
    if (exportOnnx !== undefined && (await this.example?.export(network, exportOnnx)) === true) console.log(`ONNX: ${exportOnnx}`);
    if (json !== undefined) writeWhole(json, `${JSON.stringify(result)}\n`);
    const { losses, accuracy, seconds, samplesPerSecond, engine, asked } = result;
    const each =
      asked === null
        ? ''
        : `, ${asked.dispatches} dispatches in ${asked.submissions} submission${asked.submissions === 1 ? '' : 's'} a step`;
    const figures = `${losses.length} steps in ${seconds.toFixed(1)} s (${rate(samplesPerSecond)} samples/s) on ${engine}${each}`;
    const text = `${stopped ? 'stopped: ' : ''}${figures}, loss ${(losses.at(-1) ?? NaN).toFixed(6)}${accuracy === null ? '' : `, accuracy ${accuracy.toFixed(4)}`}`;
    console.log(text);
    console.log(`charts: ${process.env.FLAMBEAU_RUNS ?? 'runs'}/${name}/`);
    this.showLive(text);
    await this.close();
  }
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.part`, text);
  renameSync(`${file}.part`, file);
}
