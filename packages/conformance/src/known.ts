import { existsSync, readFileSync } from 'node:fs';
import type { Outcome } from './cases.ts';

/** Cases that are known to fail on a backend: a reason for the ids that it covers. The list only shrinks. */
export type KnownFailures = Readonly<Record<string, readonly { readonly reason: string; readonly ids: readonly string[] }[]>>;

export function readKnownFailures(backend: string): ReadonlyMap<string, string> {
  const file = new URL('../known-failures.json', import.meta.url);
  const all = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KnownFailures) : {};
  return new Map((all[backend] ?? []).flatMap(({ reason, ids }) => ids.map((id): [string, string] => [id, reason])));
}

/** The failures that no reason covers, and the known ones that pass by now and have to leave the list. */
export function judge(outcomes: readonly Outcome[], known: ReadonlyMap<string, string>): { unknown: Outcome[]; mended: string[] } {
  const failed = outcomes.filter(({ status }) => status !== 'passed' && status !== 'notSupported');
  return {
    unknown: failed.filter(({ id }) => !known.has(id)),
    mended: outcomes.filter(({ id, status }) => status === 'passed' && known.has(id)).map(({ id }) => id),
  };
}
