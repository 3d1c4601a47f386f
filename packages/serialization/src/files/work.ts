import { AbortedError } from '../errors.ts';

/** How far reading or writing has come. */
export interface Progress {
  readonly operation: 'load' | 'save';
  readonly file: string;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** The part of an AbortSignal that is used. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/** What long work takes. */
export interface WorkOptions {
  /** Stops the work: the promise is rejected with an AbortedError, and a file that was being written is left as it was. */
  signal?: AbortSignalLike | undefined;
  /** Called a few times a second once the work has lasted for a second, and at its end. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** The names of those options. */
export const workOptions: readonly (keyof WorkOptions)[] = ['signal', 'onProgress'];

const quietFor = 1000;
const betweenReports = 200;
/** So many bytes are worked on at a stretch; then others have their turn, and a signal that fired is seen. */
export const stretch: number = 8 * 2 ** 20;

/** Counts bytes, reports progress and looks at the signal. */
export class Work {
  private readonly operation: 'load' | 'save';
  private readonly file: string;
  private readonly options: WorkOptions;
  private readonly started = performance.now();
  private lastReport = 0;
  private bytes = 0;
  private sinceTurn = 0;
  totalBytes = 0;

  constructor(operation: 'load' | 'save', file: string, options: WorkOptions) {
    this.operation = operation;
    this.file = file;
    this.options = options;
    this.check();
  }

  /** @throws AbortedError when the signal has fired. */
  check(): void {
    const { signal } = this.options;
    if (signal?.aborted === true) throw new AbortedError(`${this.operation}(${this.file})`, signal.reason);
  }

  /** Work that reports nothing and stops with this. */
  quiet(): Work {
    return new Work(this.operation, this.file, { signal: this.options.signal });
  }

  /** Notes that more bytes are done. */
  advance(bytes: number): void {
    this.bytes += bytes;
    this.check();
    const now = performance.now();
    if (now - this.started < quietFor || now - this.lastReport < betweenReports) return;
    this.lastReport = now;
    this.report();
  }

  /** Counts bytes that were worked on without waiting for anything, and lets timers and events have their turn once they are many. */
  async turn(bytes: number): Promise<void> {
    this.sinceTurn += bytes;
    if (this.sinceTurn < stretch) return;
    this.sinceTurn = 0;
    await nextTurn();
    this.check();
  }

  /** Reports the end, where anything was reported. */
  finish(): void {
    if (this.lastReport > 0) this.report();
  }

  private report(): void {
    const { operation, file, bytes, totalBytes } = this;
    this.options.onProgress?.({ operation, file, bytes, totalBytes: Math.max(totalBytes, bytes) });
  }
}

/** Resolves after timers and events had their turn. */
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve, 0);
  });

declare const performance: { now(): number };
declare const setImmediate: ((run: () => void) => unknown) | undefined;
declare const setTimeout: (run: () => void, milliseconds: number) => unknown;
