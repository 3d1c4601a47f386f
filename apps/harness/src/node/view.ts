import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LivePage, renderSvg, saveChart, type ChartDefinition } from '@flambeau/plot';
import { engineName } from '../device.ts';
import type { ProgressState, RunResult, RunStart, RunView } from '../platform.ts';
import { InputExample } from './onnx.ts';
import type { NodeOptions } from './options.ts';
import { Progress } from './progress.ts';
import { loadWeights, saveWeights } from './weights.ts';

/** Where charts and interrupted weights go; FLAMBEAU_RUNS names another folder. */
const runsFolder = process.env.FLAMBEAU_RUNS ?? fileURLToPath(new URL('../../../../runs/', import.meta.url));

/** A run in a terminal: a bar or lines, charts as files and on a live page, and an end in order also when Ctrl-C stops it. */
export class TerminalView implements RunView {
  private readonly run: RunStart;
  private readonly options: NodeOptions;
  private readonly live: LivePage | undefined;
  private readonly bar: Progress;
  private readonly example: InputExample | undefined;
  private readonly charts: Record<string, string> = {};
  private interrupted = false;
  private lastLive = 0;

  private constructor(run: RunStart, options: NodeOptions, live: LivePage | undefined) {
    this.run = run;
    this.options = options;
    this.live = live;
    this.bar = new Progress(run.total);
    this.example = options.exportOnnx === undefined ? undefined : new InputExample(run.network);
    process.on('SIGINT', this.interrupt);
  }

  /** Loads the weights that were asked for, and says what begins. With `--live` it prints the address of the page. */
  static async start(run: RunStart, options: NodeOptions): Promise<TerminalView> {
    const { name, seed, device, network } = run;
    await loadWeights(network, options.load, device);
    console.log(`${name}: seed ${seed}, device ${device.name} (${engineName(device)})`);
    const live = options.live ? await LivePage.open() : undefined;
    if (live !== undefined) console.log(`live charts: ${live.address}`);
    return new TerminalView(run, options, live);
  }

  /** Ctrl-C: the first ends the run in order, the second at once. */
  private readonly interrupt = (): void => {
    if (this.interrupted) process.exit(130);
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
    if (step % 16 === 0 || this.live !== undefined) await new Promise((resolve) => setImmediate(resolve));
    return !this.interrupted;
  }

  async finish(result: RunResult, stopped: boolean): Promise<void> {
    const { name, network } = this.run;
    this.bar.stop();
    process.off('SIGINT', this.interrupt);
    const { save, exportOnnx, json } = this.options;
    // A run that was stopped keeps its state also when no file was named.
    const file = save ?? (stopped ? join(runsFolder, name, 'interrupted.safetensors') : undefined);
    if (file !== undefined) {
      await saveWeights(network, file);
      console.log(`weights: ${file}`);
    }
    if (exportOnnx !== undefined && (await this.example?.export(network, exportOnnx)) === true) console.log(`ONNX: ${exportOnnx}`);
    if (json !== undefined) writeWhole(json, `${JSON.stringify(result)}\n`);
    const { losses, accuracy, seconds, samplesPerSecond, engine, asked } = result;
    const each =
      asked === null
        ? ''
        : `, ${asked.dispatches} dispatches in ${asked.submissions} submission${asked.submissions === 1 ? '' : 's'} a step`;
    const figures = `${losses.length} steps in ${seconds.toFixed(1)} s (${samplesPerSecond.toFixed(0)} samples/s) on ${engine}${each}`;
    const text = `${stopped ? 'stopped: ' : ''}${figures}, loss ${(losses.at(-1) ?? NaN).toFixed(6)}${accuracy === null ? '' : `, accuracy ${accuracy.toFixed(4)}`}`;
    console.log(text);
    console.log(`charts: ${process.env.FLAMBEAU_RUNS ?? 'runs'}/${name}/`);
    this.showLive(text);
    await this.live?.close();
  }
}

function writeWhole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.part`, text);
  renameSync(`${file}.part`, file);
}
