import { existsSync, mkdirSync, mkdtempSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RollCall } from '../src/rollCall.ts';

const launcher = { name: 'mpirun of Open MPI', size: 3, family: 'Open MPI' } as const;
const environment = (rank: number): Record<string, string> => ({ PMIX_NAMESPACE: 'job-7', PMIX_RANK: String(rank) });
const mine = `flambeau-${userInfo().uid}-`;

describe('a roll call', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'calls-'));
    vi.stubEnv('TMPDIR', folder);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('says who has not come, and leaves nothing when all have', () => {
    const calls = [0, 2].map((rank) => new RollCall(launcher, environment(rank), 10));
    expect(calls[0].missing()).toContain('only 0, 2 of 3 came');
    calls.push(new RollCall(launcher, environment(1), 10));
    expect(calls[0].missing()).toBe('');
    for (const call of calls) call.end();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('removes what a failed start has left a day ago, and nothing else', () => {
    const left = (name: string, hours: number): string => {
      const path = join(folder, name);
      mkdirSync(path);
      writeFileSync(join(path, '0'), '');
      const then = new Date(Date.now() - hours * 3_600_000);
      utimesSync(path, then, then);
      return path;
    };
    const [old, fresh, foreign] = [left(`${mine}job-1`, 25), left(`${mine}job-2`, 23), left('flambeau-0x-job-3', 25)];
    new RollCall(launcher, environment(0), 10).end();
    expect([existsSync(old), existsSync(fresh), existsSync(foreign)]).toEqual([false, true, true]);
  });
});
