import { checkFunction } from './checks.ts';
import { observeDispatch, type Route } from './dispatch.ts';
import { NotSupportedError } from './errors.ts';
import type { Device, DeviceTimer } from './seam.ts';

/** One run of an op. Times are milliseconds. */
export interface ProfiledRun {
  readonly op: string;
  readonly device: string;
  readonly engine: string | undefined;
  readonly route: Route;
  /** When it began, after the beginning of the profile. */
  readonly start: number;
  /** How long it took, with the ops that it ran itself. */
  readonly duration: number;
  /** Without them. */
  readonly self: number;
  /** How long the device computed by its own clock, without the ops that it ran itself; undefined where it tells none. */
  readonly deviceTime: number | undefined;
  /** False where the device computes beside the program, so that `duration` and `self` are those of asking. */
  readonly synchronous: boolean;
  /** Bytes of the results that it allocated. */
  readonly bytes: number;
}

/** What all runs of an op took that went one way on one device. */
export interface ProfiledOp {
  readonly op: string;
  readonly device: string;
  /** What computes behind the device, such as `native avx512`. */
  readonly engine: string | undefined;
  /** `own kernel`: the backend's kernel for this op. `kernel`: a required kernel. `composition`: ordinary ops, which have rows of their own. */
  readonly route: Route;
  readonly calls: number;
  /** Milliseconds, with the ops that it ran itself. */
  readonly total: number;
  /** Milliseconds without them: these add up to the time spent in ops. */
  readonly self: number;
  /** Milliseconds by the device's own clock; undefined where it tells none. */
  readonly deviceTime: number | undefined;
  /** Bytes of the results that it allocated. */
  readonly bytes: number;
}

const amount = (bytes: number): string =>
  bytes < 1e3 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** What `profile` measured: a table by op, and a trace for Perfetto. */
export class Profile {
  /** Every run of an op, in the order in which they ended. */
  readonly runs: readonly ProfiledRun[];
  /** Milliseconds from the beginning to the end, with what was between the ops. */
  readonly duration: number;
  /** By op, device and route; what took longest first. */
  readonly ops: readonly ProfiledOp[];

  constructor(runs: readonly ProfiledRun[], duration: number) {
    this.runs = runs;
    this.duration = duration;
    const ops = new Map<string, { -readonly [K in keyof ProfiledOp]: ProfiledOp[K] }>();
    for (const { op, device, engine, route, duration: total, self, deviceTime, bytes } of runs) {
      const key = `${op}\n${device}\n${engine}\n${route}`;
      const entry = ops.get(key);
      if (entry === undefined) ops.set(key, { op, device, engine, route, calls: 1, total, self, deviceTime, bytes });
      else {
        entry.calls++;
        entry.total += total;
        entry.self += self;
        if (deviceTime !== undefined) entry.deviceTime = (entry.deviceTime ?? 0) + deviceTime;
        entry.bytes += bytes;
      }
    }
    this.ops = [...ops.values()].sort((a, b) => (b.deviceTime ?? b.self) - (a.deviceTime ?? a.self));
  }

  toString(): string {
    const inOps = this.ops.reduce((sum, { self }) => sum + self, 0);
    // A column of its own for devices that have a clock of their own.
    const timed = this.ops.some(({ deviceTime }) => deviceTime !== undefined);
    const rows = [
      ['op', 'device', 'engine', 'ran as', 'calls', 'self ms', 'self %', 'total ms', ...(timed ? ['device ms'] : []), 'allocated'],
      ...this.ops.map(({ op, device, engine, route, calls, total, self, deviceTime, bytes }) => [
        op,
        device,
        engine ?? '',
        route,
        String(calls),
        self.toFixed(3),
        ((100 * self) / Math.max(this.duration, Number.MIN_VALUE)).toFixed(1),
        total.toFixed(3),
        ...(timed ? [deviceTime?.toFixed(3) ?? ''] : []),
        amount(bytes),
      ]),
    ];
    const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
    const lines = rows.map((row) =>
      row.map((cell, column) => (column < 4 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ').trimEnd(),
    ); // prettier-ignore
    const asked = new Set(this.runs.filter(({ synchronous, deviceTime }) => !synchronous && deviceTime === undefined).map(trackOf));
    return [
      ...lines,
      `${inOps.toFixed(3)} of ${this.duration.toFixed(3)} ms in ${this.runs.length} ops`,
      ...[...asked].map((device) => `${device} computes beside the program and told no times of its own: these are the times of asking`),
    ].join('\n');
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /**
   * The runs as a Chrome trace: JSON that https://ui.perfetto.dev and chrome://tracing open, one track for each device, in which the parts of a
   * composition lie below it.
   * @see the Trace Event Format, "complete events"
   */
  chromeTrace(): string {
    const tracks = [...new Set(this.runs.map(trackOf))];
    const names = tracks.map((name, tid) => ({ name: 'thread_name', ph: 'M', pid: 1, tid, args: { name } }));
    const events = this.runs.map((run) => ({
      name: run.op,
      cat: run.route,
      ph: 'X',
      ts: run.start * 1000, // microseconds
      dur: run.duration * 1000,
      pid: 1,
      tid: tracks.indexOf(trackOf(run)),
      args: { route: run.route, bytes: run.bytes, ...(run.deviceTime !== undefined && { deviceMilliseconds: run.deviceTime }) },
    }));
    const program = { name: 'process_name', ph: 'M', pid: 1, tid: 0, args: { name: 'Flambeau' } };
    return JSON.stringify({ traceEvents: [program, ...names, ...events], displayTimeUnit: 'ms' });
  }

  /** Writes the Chrome trace into a file. @throws NotSupportedError where there is no Node; offer `chromeTrace()` for download there */
  saveChromeTrace(path: string): void {
    const host = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
    const files = host.process?.getBuiltinModule?.('node:fs') as { writeFileSync(path: string, text: string): void } | undefined;
    if (files === undefined) {
      throw new NotSupportedError({
        op: 'saveChromeTrace',
        expected: 'Node.js 20.16 or later',
        received: 'another platform',
        hint: 'Write the text of chromeTrace() yourself.',
      });
    }
    files.writeFileSync(path, this.chromeTrace());
  }
}

const trackOf = ({ device, engine }: ProfiledRun): string => (engine === undefined ? device : `${device} (${engine})`);

/** The monotonic clock that every platform has, in milliseconds. */
const now = (): number => (globalThis as unknown as { performance: { now(): number } }).performance.now();

/** An op that is under way. */
interface Open {
  readonly run: number;
  readonly start: number;
  /** Milliseconds in the ops that it ran. */
  inside: number;
}

/** What is recorded of the ops that run, until it is stopped. */
class Recording {
  private readonly began: number;
  private readonly runs: ProfiledRun[] = [];
  /** The number of each run, in the order of `runs`. */
  private readonly numbers: number[] = [];
  private readonly devices: Device[] = [];
  private readonly open: Open[] = [];
  private readonly timers = new Map<Device, DeviceTimer | undefined>();
  private readonly ignore: () => void;
  private next = 1;

  constructor() {
    this.began = now();
    this.ignore = observeDispatch((op, device, route) => {
      const mine: Open = { run: this.next++, start: now(), inside: 0 };
      const { open } = this;
      const timer = this.timerOf(device);
      open.push(mine);
      timer?.mark(mine.run);
      return (made) => {
        const duration = now() - mine.start;
        // An op that threw has never ended: it goes with the one that it ran in.
        while (open.length > 0 && open.pop() !== mine);
        if (open.length > 0) open[open.length - 1].inside += duration;
        timer?.mark(open.length > 0 ? open[open.length - 1].run : 0);
        let bytes = 0;
        for (const { storage } of made) bytes += storage.byteLength;
        const start = mine.start - this.began;
        const { name: deviceName, engine, synchronous } = device;
        const self = Math.max(0, duration - mine.inside);
        this.numbers.push(mine.run);
        this.devices.push(device);
        this.runs.push({
          op: op.name,
          device: deviceName,
          engine,
          route,
          start,
          duration,
          self,
          deviceTime: undefined,
          synchronous,
          bytes,
        });
      };
    });
  }

  private timerOf(device: Device): DeviceTimer | undefined {
    if (!this.timers.has(device)) this.timers.set(device, device.timer?.());
    return this.timers.get(device);
  }

  /** Ends it without its devices' own times. */
  stop(): Profile {
    const duration = now() - this.began;
    this.ignore();
    for (const timer of this.timers.values()) void timer?.end().catch(() => undefined);
    return new Profile(this.runs, duration);
  }

  /** Ends it, and waits for the times of the devices that have a clock. */
  async finish(): Promise<Profile> {
    const duration = now() - this.began;
    this.ignore();
    const times = new Map<Device, ReadonlyMap<number, number>>();
    for (const [device, timer] of this.timers) if (timer !== undefined) times.set(device, await timer.end());
    const runs = this.runs.map((run, i) => {
      const known = times.get(this.devices[i]);
      // Where nothing was asked of the device, it took no time.
      return known === undefined ? run : { ...run, deviceTime: known.get(this.numbers[i]) ?? 0 };
    });
    return new Profile(runs, duration);
  }
}

/**
 * Runs `body` and measures every op: how often it ran, how long, how many bytes its results took, and whether a kernel or a composition ran on
 * which engine. On a device that computes on its own (WebGPU) the time is that of asking; where it has a clock and `body` is asynchronous, its own
 * time stands beside it, for which each of its commands runs alone. Measuring costs about a microsecond for each op.
 * @param body - may be asynchronous; ops of others that run meanwhile are measured with it
 * @returns the profile, which prints as a table, and the result of `body`
 */
export function profile<T>(body: () => Promise<T>): Promise<{ profile: Profile; result: T }>;
export function profile<T>(body: () => T): { profile: Profile; result: T };
export function profile<T>(body: () => T | Promise<T>): { profile: Profile; result: T } | Promise<{ profile: Profile; result: T }> {
  checkFunction('profile', 'body', body);
  const recording = new Recording();
  let result: T | Promise<T>;
  try {
    result = body();
  } catch (error) {
    recording.stop();
    throw error;
  }
  if (!(result instanceof Promise)) return { profile: recording.stop(), result };
  return result.then(
    async (value) => ({ profile: await recording.finish(), result: value }),
    (error: unknown) => {
      recording.stop();
      throw error;
    },
  );
}
