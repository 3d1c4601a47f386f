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

const quietFor = 1000;
const betweenReports = 200;

/** Counts bytes, reports progress and looks at the signal. */
export class Work {
  private readonly operation: 'load' | 'save';
  private readonly file: string;
  private readonly options: WorkOptions;
  private readonly started = performance.now();
  private lastReport = 0;
  private bytes = 0;
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

  /** Notes that more bytes are done. */
  advance(bytes: number): void {
    this.bytes += bytes;
    this.check();
    const now = performance.now();
    if (now - this.started < quietFor || now - this.lastReport < betweenReports) return;
    this.lastReport = now;
    this.report();
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

declare const performance: { now(): number };
