import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { profile, setDefaultDevice, tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';

setDefaultDevice(reference);

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur: number;
  readonly tid: number;
  readonly args: Record<string, unknown>;
}
const eventsOf = (trace: string): TraceEvent[] => (JSON.parse(trace) as { traceEvents: TraceEvent[] }).traceEvents;

it('profile counts the calls, the time and the bytes of each op, by the way it ran', () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
  const { profile: report, result } = profile(() => x.t().exp().exp().softmax(0));
  expect(result.shape).toEqual([3, 2]);
  const row = (op: string) => report.ops.filter((entry) => entry.op === op); // oxlint-disable-line explicit-function-return-type
  expect(row('permute')).toMatchObject([{ route: 'view', calls: 1, bytes: 0, device: 'reference' }]);
  // Two calls here and one inside softmax, each with 6 elements of 4 bytes.
  expect(row('exp')).toMatchObject([{ route: 'kernel', calls: 3, bytes: 72 }]);
  // A composition allocates nothing itself; its parts have rows of their own.
  expect(row('softmax')).toMatchObject([{ route: 'composition', calls: 1, bytes: 0 }]);
});

it('the time of a composition is divided between itself and its parts', () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
  const { profile: report } = profile(() => x.softmax(1));
  const [softmax] = report.ops.filter(({ op }) => op === 'softmax');
  const parts = report.ops.filter(({ op }) => op !== 'softmax').reduce((sum, { total }) => sum + total, 0);
  expect(parts).toBeGreaterThan(0);
  expect(softmax.total).toBeCloseTo(softmax.self + parts, 6);
  const everything = report.ops.reduce((sum, { self }) => sum + self, 0);
  expect(everything).toBeCloseTo(softmax.total, 6);
  expect(report.duration).toBeGreaterThanOrEqual(softmax.total);
});

it('an op that changes a tensor in place is measured, and allocates nothing', () => {
  const x = tensor([1, 2, 3]);
  const { profile: report } = profile(() => x.exp_());
  expect(report.ops).toMatchObject([{ op: 'exp', calls: 1, bytes: 0 }]);
});

it('prints a table, what took longest first', () => {
  const x = tensor([1, 2, 3]);
  const { profile: report } = profile(() => x.exp().add(1));
  const [head, ...lines] = String(report).split('\n');
  expect(head).toMatch(/^op +device +engine +ran as +calls +self ms +self % +total ms +allocated$/);
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/^[\d.]+ of [\d.]+ ms in 2 ops$/);
  expect(report.ops[0].self).toBeGreaterThanOrEqual(report.ops[1].self);
});

it('the Chrome trace has one complete event for each run, and the parts of a composition lie inside it', () => {
  const x = tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
  const { profile: report } = profile(() => x.softmax(1));
  const events = eventsOf(report.chromeTrace());
  const complete = events.filter(({ ph }) => ph === 'X');
  expect(complete).toHaveLength(report.runs.length);
  expect(events.find(({ name }) => name === 'thread_name')?.args).toEqual({ name: 'reference' });
  const whole = complete.find(({ name }) => name === 'softmax') as TraceEvent;
  expect(whole.args).toEqual({ route: 'composition', bytes: 0 });
  for (const { name, ts, dur, tid } of complete) {
    if (name === 'softmax') continue;
    expect(tid).toBe(whole.tid);
    expect(ts).toBeGreaterThanOrEqual(whole.ts);
    expect(ts + dur).toBeLessThanOrEqual(whole.ts + whole.dur + 1e-6);
  }
});

it('saveChromeTrace writes the trace into a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-profile-'));
  const file = join(folder, 'trace.json');
  const { profile: report } = profile(() => tensor([1, 2]).exp());
  report.saveChromeTrace(file);
  expect(readFileSync(file, 'utf8')).toBe(report.chromeTrace());
  rmSync(folder, { recursive: true });
});

it('measures asynchronous programs to their end, and stops observing when one fails', async () => {
  const x = tensor([1, 2, 3]);
  const { profile: report, result } = await profile(async () => {
    const y = x.exp();
    await Promise.resolve();
    return y.sum().item();
  });
  expect(result).toBeCloseTo(Math.exp(1) + Math.exp(2) + Math.exp(3), 3);
  expect(report.ops.map(({ op }) => op).sort()).toEqual(['exp', 'sum']);
  await expect(profile(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(() => profile(() => x.matmul(tensor([[1, 2]])))).toThrow();
  const runs = report.runs.length;
  x.exp();
  expect(report.runs).toHaveLength(runs);
});

it('an op that throws inside a profile does not count as running what comes after it', () => {
  const x = tensor([1, 2, 3]);
  const outside = tensor([5], { dtype: 'int32' });
  const { profile: report } = profile(() => {
    expect(() => x.gather(0, outside)).toThrow();
    return x.exp();
  });
  const [exp] = report.ops.filter(({ op }) => op === 'exp');
  expect(exp.self).toBe(exp.total);
});
