import { engineName, type ProgressState, type RunResult, type RunStart, type RunView } from '@flambeau/app-harness';
import type { ChartDefinition } from '@flambeau/plot';
import type { FromTrainer } from './messages.ts';

const betweenPictures = 300;
const betweenTurns = 16;

/** A turn of the thread's event loop, in which messages come in. */
const macrotask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

/** A run that is shown by the page, which may stop and resume it. */
export class PageView implements RunView {
  private readonly post: (message: FromTrainer) => void;
  private readonly pictures = new Map<string, number>();
  private readonly waiting = new Map<string, ChartDefinition>();
  /** Shows the last step, which was no time for a picture. */
  private unshown: (() => void) | undefined;
  private lastTurn = performance.now();
  private held = false;
  private goOn: (() => void) | undefined;

  constructor(post: (message: FromTrainer) => void) {
    this.post = post;
  }

  /** Says what begins. */
  begin({ device, total }: RunStart): void {
    this.post({ kind: 'started', engine: engineName(device), total });
  }

  /** True when a picture is to be sent: a page shows a few in a second. */
  private due(name: string): boolean {
    const now = performance.now();
    if (now - (this.pictures.get(name) ?? -Infinity) < betweenPictures) return false;
    this.pictures.set(name, now);
    return true;
  }

  progress(state: ProgressState, loss: () => ChartDefinition): void {
    this.unshown = () => {
      this.unshown = undefined;
      this.post({ kind: 'progress', state });
      this.post({ kind: 'chart', name: 'loss', definition: loss() });
    };
    if (this.due('progress') || state.step === state.total) this.unshown();
  }

  chart(name: string, definition: ChartDefinition): void {
    this.waiting.set(name, definition);
    if (this.due(name)) this.showWaiting();
  }

  private showWaiting(): void {
    for (const [name, definition] of this.waiting) this.post({ kind: 'chart', name, definition });
    this.waiting.clear();
  }

  /** Holds the run after the step that it is in. */
  stop(): void {
    this.held = true;
  }

  resume(): void {
    this.held = false;
    this.goOn?.();
  }

  async turn(step: number): Promise<boolean> {
    if (performance.now() - this.lastTurn > betweenTurns) {
      await macrotask();
      this.lastTurn = performance.now();
    }
    if (this.held) {
      this.unshown?.();
      this.showWaiting();
      this.post({ kind: 'stopped', step });
      await new Promise<void>((resolve) => (this.goOn = resolve));
      this.post({ kind: 'resumed' });
    }
    return true;
  }

  finish(result: RunResult): Promise<void> {
    this.showWaiting();
    this.post({ kind: 'finished', result });
    return Promise.resolve();
  }
}
