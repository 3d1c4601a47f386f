import type { AppOptions, ProgressState, RunResult } from '@flambeau/app-harness';
import type { ChartDefinition } from '@flambeau/plot';

// What the page and the thread that trains tell each other.

/** To the thread: begin, hold the run after the step that it is in, go on. */
export type ToTrainer =
  | { readonly kind: 'train'; readonly app: string; readonly device: string; readonly mnistRoot: string; readonly options: AppOptions }
  | { readonly kind: 'stop' }
  | { readonly kind: 'resume' };

/** From the thread. */
export type FromTrainer =
  | { readonly kind: 'log'; readonly text: string }
  | { readonly kind: 'started'; readonly engine: string; readonly total: number }
  | { readonly kind: 'progress'; readonly state: ProgressState }
  | { readonly kind: 'chart'; readonly name: string; readonly definition: ChartDefinition }
  | { readonly kind: 'stopped'; readonly step: number }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'finished'; readonly result: RunResult }
  | { readonly kind: 'failed'; readonly message: string };
