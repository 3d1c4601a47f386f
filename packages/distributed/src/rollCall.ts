import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Launcher } from './launcher.ts';

/** Seconds after which nobody reads what a failed start has left. */
const day = 86_400;

type Environment = Readonly<Record<string, string | undefined>>;

const first = (environment: Environment, names: readonly string[]): number | undefined => {
  const text = names.map((name) => environment[name]).find((value) => value !== undefined && /^\d+$/.test(value));
  return text === undefined ? undefined : Number(text);
};

/** The nearest ancestor of this process that starts the ranks of a host; on Linux, which tells. */
function proxy(): number | undefined {
  try {
    for (let id = process.ppid; id > 1;) {
      // pid (name) state parent ...
      const [, name, parent] = /\((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${id}/stat`, 'utf8')) ?? [];
      if (/^(hydra_pmi_proxy|slurmstepd)/.test(name)) return id;
      id = Number(parent);
    }
  } catch {
    // Another system, or processes that may not be looked at.
  }
  return undefined;
}

/** A name that the ranks of a job on this host share, and no others. */
function jobName(environment: Environment): string | undefined {
  const { PMIX_NAMESPACE: namespace, SLURM_JOB_ID: job, SLURM_STEP_ID: step } = environment;
  if (namespace !== undefined) return namespace;
  if (job !== undefined && step !== undefined) return `${job}.${step}`;
  return proxy()?.toString();
}

/**
 * Who has come to initProcessGroup. Before MPI runs ranks cannot speak to each other, so that each leaves a file beside those of the other
 * ranks of its host; who waits in vain reads there who is missing.
 */
export class RollCall {
  private readonly folder: string | undefined;
  private readonly rank: number;
  /** Undefined where only MPI knows. */
  private readonly size: number | undefined;
  /** How long ranks wait for each other. */
  private readonly seconds: number;
  /** The ranks on this host. */
  private readonly local: number | undefined;

  /** Answers for this rank. Where that cannot be done nothing is said later. */
  constructor(launcher: Launcher, environment: Environment, seconds: number) {
    this.seconds = seconds;
    this.size = launcher.size;
    this.rank = first(environment, ['OMPI_COMM_WORLD_RANK', 'PMIX_RANK', 'PMI_RANK', 'PMI_ID', 'SLURM_PROCID']) ?? -1;
    this.local = first(environment, ['OMPI_COMM_WORLD_LOCAL_SIZE', 'MPI_LOCALNRANKS']);
    const job = this.rank < 0 ? undefined : jobName(environment);
    if (job === undefined) return;
    const mine = `flambeau-${userInfo().uid}-`;
    const folder = join(tmpdir(), `${mine}${job.replaceAll(/[^\w.-]/g, '_')}`);
    try {
      this.clear(mine);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(join(folder, String(this.rank)), '');
      this.folder = folder;
    } catch {
      this.folder = undefined;
    }
  }

  /** Removes what failed starts have left long ago. */
  private clear(mine: string): void {
    const old = Date.now() - 1000 * Math.max(this.seconds, day);
    for (const name of readdirSync(tmpdir())) {
      if (!name.startsWith(mine)) continue;
      const folder = join(tmpdir(), name);
      const stat = statSync(folder, { throwIfNoEntry: false });
      if (stat !== undefined && stat.mtimeMs < old) rmSync(folder, { recursive: true, force: true });
    }
  }

  /** A sentence about who is missing; empty where that is not known, or nobody is. */
  missing(): string {
    if (this.folder === undefined) return '';
    let come: number[];
    try {
      come = this.present(this.folder);
    } catch {
      return '';
    }
    if (come.length === this.size) return '';
    if (this.size === undefined || this.local !== this.size) {
      const all = this.local === undefined ? 'the ranks' : `the ${this.local} ranks`;
      return `of ${all} on host ${hostname()} only ${come.join(', ')}${this.size === undefined ? '' : ` of ${this.size}`} came`;
    }
    const absent = Array.from({ length: this.size }, (_, rank) => rank).filter((rank) => !come.includes(rank));
    return `rank ${absent.join(', ')} of ${this.size} (host ${hostname()}) ${absent.length === 1 ? 'has' : 'have'} not come`;
  }

  /** The ranks that have come, without those of an older job of this name. */
  private present(folder: string): number[] {
    const recent = Date.now() - 1000 * this.seconds - 60_000;
    return readdirSync(folder)
      .filter((name) => statSync(join(folder, name)).mtimeMs > recent)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Takes the answer back when all have come. After a failure it stays, for ranks that wait a little longer; a start a day later removes it. */
  end(): void {
    if (this.folder === undefined) return;
    rmSync(join(this.folder, String(this.rank)), { force: true });
    try {
      rmdirSync(this.folder);
    } catch {
      // The last rank removes it.
    }
  }
}
