import type { Device } from '@flambeau/core';
import type { Module } from '@flambeau/nn';
import type { ChartDefinition } from '@flambeau/plot';

/** How far a run has come. */
export interface ProgressState {
  readonly step: number;
  readonly total: number;
  readonly loss: number;
  readonly accuracy: number | null;
  readonly samplesPerSecond: number;
  readonly secondsLeft: number;
}

/** What a run came to. */
export interface RunResult {
  readonly losses: readonly number[];
  readonly accuracy: number | null;
  readonly seconds: number;
  readonly samplesPerSecond: number;
  readonly device: string;
  readonly engine: string;
  /** What a step asked of a GPU, the median of all; null on other devices. */
  readonly asked: AskedOfGpu | null;
}

/** Dispatches of kernels, and the submissions that they were in. */
export interface AskedOfGpu {
  readonly dispatches: number;
  readonly submissions: number;
}

/** A run that begins. */
export interface RunStart {
  /** The name of the app. */
  readonly name: string;
  readonly seed: number;
  readonly device: Device;
  readonly network: Module;
  readonly total: number;
}

/** How a run is shown and steered: a terminal, or a page. */
export interface RunView {
  /** Shows a step; `loss` makes the chart of the losses so far. */
  progress(state: ProgressState, loss: () => ChartDefinition): void;
  /** Shows a chart of the app's own. */
  chart(name: string, definition: ChartDefinition): void;
  /** Gives others their turn after a step, as long as they hold the run. @returns false when they end it */
  turn(step: number): Promise<boolean>;
  /** Shows what the run came to. @param stopped - somebody ended it before its last step */
  finish(result: RunResult, stopped: boolean): Promise<void>;
}

/** What an app needs of the place where it runs. */
export interface Platform {
  /** The folder or the address with the files of MNIST. */
  readonly mnistRoot: string;
  /** Shows a line of text. */
  log(text: string): void;
  /** Begins to show a run; the network may get saved weights here. */
  start(run: RunStart): Promise<RunView>;
}
