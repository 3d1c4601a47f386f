import { readFileSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';

/** Hundredths of a second, the unit of Linux's accounts. */
const tick = 0.01;

/** Seconds that all processes together have computed; undefined where the system does not tell. */
function busySeconds(): number | undefined {
  try {
    const [, user, nice, system, , , irq, softIrq] = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/ +/).map(Number);
    return (user + nice + system + irq + softIrq) * tick;
  } catch {
    return undefined;
  }
}

/** Seconds that one process has computed. */
function secondsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // After the name, which may hold spaces, in parentheses: the 12th and 13th fields are user and system time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tick;
  } catch {
    return 0;
  }
}

/** Whether a thread of a process is running or wants to, beside the one that asks; false where the system does not tell. */
export function computes(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) => {
      if (Number(thread) === process.pid) return false;
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return stat.at(stat.lastIndexOf(')') + 2) === 'R';
    });
  } catch {
    return false;
  }
}

/** Tells how much of the machine other processes used while something was measured. */
export class Neighbours {
  private readonly pids: readonly number[];
  private readonly started = performance.now();
  private readonly before: number | undefined = busySeconds();
  private readonly own: number;

  /** @param pids - the processes that belong to the measurement, which live until its end */
  constructor(pids: readonly number[]) {
    this.pids = pids;
    this.own = this.ownSeconds();
  }

  private ownSeconds(): number {
    return this.pids.reduce((sum, pid) => sum + secondsOf(pid), 0);
  }

  /** Cores that others kept busy on average; undefined where the system does not tell. */
  cores(): number | undefined {
    const after = busySeconds();
    if (after === undefined || this.before === undefined) return undefined;
    const others = after - this.before - (this.ownSeconds() - this.own);
    return Math.max(0, others / ((performance.now() - this.started) / 1000));
  }
}

/** The processor as it calls itself. */
export const processor = (): string => `${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${cpus().length} cores`;
