/** What a run tells of a work: its ratio, the largest that is wanted, and why it does not count. */
export interface Run {
  ratio?: number;
  atMost?: number;
  doubts: string[];
}

/** Several runs: what was measured in the one of the median ratio, and the ratios of all runs that count. */
export type Repeated<R extends Run> = R & { ratios: number[] };

/** For each run that is wanted, so many that do not count are repeated. */
const repeats = 2;

/**
 * Measures a work until most of the wanted runs agree on whether its ratio is within the limit. Runs that do not count are repeated; where too
 * many do not, the row has their doubts.
 */
export async function measureRuns<R extends Run>(runs: number, measure: () => Promise<R>): Promise<Repeated<R>> {
  const majority = Math.floor(runs / 2) + 1;
  const counted: R[] = [];
  const doubtful: R[] = [];
  for (;;) {
    const run = await measure();
    (run.doubts.length === 0 ? counted : doubtful).push(run);
    const held = counted.filter(holds).length;
    // What has no limit is only told, for which one run is enough.
    const decided = run.atMost === undefined ? counted.length > 0 : held >= majority || counted.length - held >= majority;
    if (!decided && doubtful.length <= repeats * runs) continue;
    const ratios = counted.map(({ ratio = 0 }) => ratio);
    return { ...median(decided ? counted : doubtful), ratios };
  }
}

const holds = ({ ratio = 0, atMost = 0 }: Run): boolean => ratio <= atMost;

/** The run of the median ratio; of two the worse. */
const median = <R extends Run>(runs: readonly R[]): R => runs.toSorted((a, b) => (a.ratio ?? 0) - (b.ratio ?? 0))[runs.length >> 1];

/** What the runs say about the limit; nothing where there is none. */
export function verdict({ atMost, ratio, ratios, doubts }: Repeated<Run>): string {
  if (ratio === undefined || atMost === undefined) return '';
  if (doubts.length > 0) return `at most ${atMost}: not counted`;
  const held = ratios.filter((counted) => counted <= atMost).length;
  const among = `in ${held} of ${ratios.length}`;
  if (held * 2 <= ratios.length) return `at most ${atMost}: DOES NOT HOLD (${among})`;
  return `at most ${atMost}: holds${ratios.length === 1 ? '' : ` ${among}`}`;
}
