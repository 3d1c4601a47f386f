import { readFileSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './cases.ts';
import type { Counts } from './run.ts';

/** The cases of this package, which is what the known failures are about. */
export const ownCases = fileURLToPath(new URL('../cases', import.meta.url));

/** Cases that are known to fail on a backend: a reason for the ids that it covers. The list only shrinks. */
export type KnownFailures = Readonly<Record<string, readonly { readonly reason: string; readonly ids: readonly string[] }[]>>;

export const knownFailures = JSON.parse(readFileSync(new URL('../known-failures.json', import.meta.url), 'utf8')) as KnownFailures;

/** The known failures of a backend among the cases of a directory: none but in this package's own. */
export function knownAmong(directory: string, backend: string, lists: KnownFailures = knownFailures): ReadonlyMap<string, string> {
  if (realpathSync(directory) !== realpathSync(ownCases)) return new Map();
  return new Map((lists[backend] ?? []).flatMap(({ reason, ids }) => ids.map((id): [string, string] => [id, reason])));
}

/** The failures that no reason covers, and the known ones that pass by now and have to leave the list. */
export function judge(outcomes: readonly Outcome[], known: ReadonlyMap<string, string>): { unknown: Outcome[]; mended: string[] } {
  const failed = outcomes.filter(({ status }) => status !== 'passed' && status !== 'notSupported');
  return {
    unknown: failed.filter(({ id }) => !known.has(id)),
    mended: outcomes.filter(({ id, status }) => status === 'passed' && known.has(id)).map(({ id }) => id),
  };
}

/** At most this share of a file may stand outside of the count because a backend has not its dtypes. */
export const mostNotSupported = 0.03;

/** True when a backend leaves out more of a file than it may. */
export const leavesOutTooMuch = ({ cases, notSupported }: Counts): boolean => notSupported > mostNotSupported * (cases + notSupported);

/** fft.json waits for complex tensors: it is reported, and decides nothing. */
export const isBinding = (file: string): boolean => file !== 'fft';

/** What a run comes to. */
export interface Verdict {
  /** Sentences for whoever ran it; whatever of them is a fault fails the run. */
  readonly notes: readonly string[];
  readonly exitCode: 0 | 1;
}

/**
 * The verdict over the outcomes by file.
 * @param partial true when only some cases of the files were asked for: then the share that a backend leaves out means nothing
 */
export function verdict(
  outcomes: ReadonlyMap<string, readonly Outcome[]>,
  counts: Readonly<Record<string, Counts>>,
  known: ReadonlyMap<string, string>,
  partial: boolean,
): Verdict {
  const files = [...outcomes.keys()];
  const { unknown, mended } = judge(files.filter(isBinding).flatMap((file) => outcomes.get(file) ?? []), known); // prettier-ignore
  const faults: string[] = [];
  if (files.every((file) => outcomes.get(file)?.length === 0)) faults.push('no case ran');
  for (const id of mended) faults.push(`${id} passes: take it out of known-failures.json`);
  if (unknown.length > 0) {
    const see = partial ? '' : '; see them with --only REGEX or --json FILE';
    faults.push(`${unknown.length} cases fail that are not in known-failures.json${see}`);
  }
  for (const file of partial ? [] : files.filter(isBinding)) {
    if (leavesOutTooMuch(counts[file])) faults.push(`${file}: more than ${100 * mostNotSupported} % of the cases are not supported`);
  }
  const summary = known.size > 0 ? [`${known.size} known failures, of which ${mended.length} pass by now`] : [];
  return { notes: [...summary, ...faults], exitCode: faults.length > 0 ? 1 : 0 };
}
