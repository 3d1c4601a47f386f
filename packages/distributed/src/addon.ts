import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** What a collective or a message is to the addon; the order is that of `Kind` in native/engine.h. */
export const kinds = [
  'allReduce', 'reduce', 'reduceScatter', 'broadcast', 'allGather', 'gather', 'scatter', 'barrier', 'send', 'recv', 'newGroup', 'leave',
] as const; // prettier-ignore
export type Kind = (typeof kinds)[number];

/** A task as native/addon.cc takes it: kinds, types and reductions are their places in the tables. */
export interface NativeTask {
  readonly kind: number;
  readonly group: number;
  readonly type: number;
  readonly reduction: number;
  readonly send: Uint8Array | undefined;
  readonly receive: Uint8Array | undefined;
  readonly count: number;
  readonly peer: number;
  readonly tag: number;
  readonly seconds: number;
  readonly label: string;
  readonly fingerprint: string;
  readonly members: readonly number[] | undefined;
}

/** What native/addon.cc exports. */
export interface Addon {
  open(libraries: readonly string[]): { family: 'Open MPI' | 'MPICH'; version: string; path: string };
  start(
    options: { start: number; silence: number; debug: boolean },
    settled: (id: number, error: string | undefined) => void,
  ): { rank: number; size: number; threadLevel: number };
  submit(task: NativeTask): number;
  wait(id: number): string | undefined;
  fail(reason: string): void;
  stop(): void;
  hold(on: boolean): void;
}

/** Looks for the addon: a local build first, then the platform's package. @returns the addon, or why there is none */
export function findAddon(): Addon | string {
  const require = createRequire(import.meta.url);
  const platform = `${process.platform}-${process.arch}`;
  const local = fileURLToPath(new URL(`../build/${platform}/distributed.node`, import.meta.url));
  const reasons: string[] = existsSync(local) ? [] : ['no local build of the addon'];
  for (const path of [...(existsSync(local) ? [local] : []), `@flambeau/distributed-${platform}/distributed.node`]) {
    try {
      return require(path) as Addon;
    } catch (error) {
      reasons.push(`${path}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  }
  return reasons.join('; ');
}
