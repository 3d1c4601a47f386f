import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { zeros } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import type { Outcome, Status } from '../src/cases.ts';
import { knownAmong, knownFailures, ownCases, verdict } from '../src/known.ts';
import { exceptions } from '../src/operators.ts';
import { flattenNumbers, randomCases, shapesOf } from '../src/random.ts';
import { caseFiles, count, readJobs } from '../src/run.ts';

const outcomes = (statuses: Partial<Record<Status, number>>): Outcome[] =>
  Object.entries(statuses).flatMap(([status, n]) =>
    Array.from({ length: n }, (_, i) => ({ id: `${status}#${i}`, status: status as Status, detail: '' })),
  );

function judged(files: Record<string, Partial<Record<Status, number>>>, known: string[] = [], partial = false): ReturnType<typeof verdict> {
  const all = new Map(Object.entries(files).map(([file, statuses]) => [file, outcomes(statuses)]));
  const counts = Object.fromEntries([...all].map(([file, found]) => [file, count(found)]));
  return verdict(all, counts, new Map(known.map((id) => [id, 'a reason'])), partial);
}

describe('the verdict', () => {
  it('3 % of a file may be not supported, and not more', () => {
    // 3 of 100, 4 of 100.
    expect(judged({ tensor: { passed: 97, notSupported: 3 } })).toEqual({ notes: [], exitCode: 0 });
    const over = judged({ nn: { passed: 1000 }, tensor: { passed: 96, notSupported: 4 } });
    expect(over).toEqual({ notes: ['tensor: more than 3 % of the cases are not supported'], exitCode: 1 });
    expect(judged({ tensor: { notSupported: 1 } }).exitCode).toBe(1);
    // A few chosen cases say nothing of the file, and fft decides nothing.
    expect(judged({ tensor: { passed: 1, notSupported: 4 } }, [], true).exitCode).toBe(0);
    expect(judged({ tensor: { passed: 1 }, fft: { notSupported: 4, crashed: 1 } }).exitCode).toBe(0);
  });

  it.each(['wrongValue', 'wrongGradient', 'notImplemented', 'errorMissing', 'crashed'] as const)('a case of %s fails the run', (status) => {
    expect(judged({ tensor: { passed: 5, [status]: 1 } }).exitCode).toBe(1);
    expect(judged({ tensor: { passed: 5, [status]: 1 } }, [`${status}#0`]).exitCode).toBe(0);
  });

  it('a known failure that passes by now fails the run until it leaves the list', () => {
    expect(judged({ tensor: { passed: 1 } }, ['passed#0'])).toEqual({
      notes: ['1 known failures, of which 1 pass by now', 'passed#0 passes: take it out of known-failures.json'],
      exitCode: 1,
    });
  });

  it('no case at all fails the run', () => {
    expect(judged({})).toEqual({ notes: ['no case ran'], exitCode: 1 });
    expect(judged({ tensor: {} })).toEqual({ notes: ['no case ran'], exitCode: 1 });
  });
});

describe('the known failures', () => {
  const ids = (backend: string): string[] => (knownFailures[backend] ?? []).flatMap((entry) => entry.ids);

  it('are none on the reference and on the CPU, and on webgpu no more than there were', () => {
    expect(Object.keys(knownFailures).sort()).toEqual(['cpu', 'reference', 'webgpu']);
    expect(ids('reference')).toEqual([]);
    expect(ids('cpu')).toEqual([]);
    // The list only shrinks: lower this number with it.
    expect(ids('webgpu').length).toBeLessThanOrEqual(1);
  });

  it('have a reason each, and name cases that there are', () => {
    const all = new Set(caseFiles(ownCases).flatMap((file) => readJobs(ownCases, file).map(({ id }) => id)));
    for (const [backend, entries] of Object.entries(knownFailures)) {
      for (const { reason } of entries) expect(reason.length, backend).toBeGreaterThan(20);
      expect(ids(backend).filter((id) => !all.has(id))).toEqual([]);
    }
  });

  it('are about the cases of this package only', () => {
    const lists = { cpu: [{ reason: 'a reason', ids: ['add#0'] }] };
    expect(knownAmong(ownCases, 'cpu', lists)).toEqual(new Map([['add#0', 'a reason']]));
    expect(knownAmong(`${ownCases}/../cases/`, 'cpu', lists).size).toBe(1);
    expect(knownAmong(fileURLToPath(new URL('judge/passing', import.meta.url)), 'cpu', lists).size).toBe(0);
  });
});

it('README names every exception of the adapter', () => {
  const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(Object.keys(exceptions).length).toBeGreaterThan(10);
  expect(Object.keys(exceptions).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

describe('the entries of random.json', () => {
  const entries = JSON.parse(readFileSync(new URL('../cases/random.json', import.meta.url), 'utf8')) as Record<string, unknown>[];
  const names = [...new Set(randomCases(entries).map(({ name }) => name))];

  it('have a shape each, but for the programs and the loader', () => {
    const without = names.filter((name) => shapesOf(name) === undefined);
    expect(without).toEqual([
      'DataLoader(linspace(1,10,10), batch 8, shuffle), 3 epochs',
      'regression losses',
      'classification',
      'cnn losses on random images',
      'lstm losses on random images',
    ]);
    expect(shapesOf('rand(3,7)')).toEqual([3, 7]);
    expect(shapesOf('randn(3,7) after rand(1)')).toEqual([3, 7]);
    expect(shapesOf('normal(2*ones(10,2),1)')).toEqual([10, 2]);
    expect(shapesOf('randint(-5,100000,(6,))')).toEqual([6]);
    expect(shapesOf('Conv2d(1,16,5) weight[:2], bias')).toEqual({ weight: [2, 1, 5, 5], bias: [16] });
    expect(shapesOf('Embedding(4,3) weight')).toEqual([4, 3]);
  });

  it('are compared with their shape, and part for part', async () => {
    const x = zeros([2, 3], { device: reference });
    const flat = [0, 0, 0, 0, 0, 0];
    await expect(flattenNumbers(x, flat, [3, 2])).rejects.toThrow('shape is [2, 3], expected [3, 2]');
    await expect(flattenNumbers(x, [[0, 0], [0, 0], [0, 0]], undefined)).rejects.toThrow('shape is [2, 3], expected [3, 2]'); // prettier-ignore
    await expect(flattenNumbers({ weight: x }, { weight: flat }, { weight: [6] })).rejects.toThrow('shape is [2, 3], expected [6]');
    await expect(flattenNumbers({ weight: x, bias: x }, { weight: flat }, undefined)).rejects.toThrow('parts weight, bias');
    await expect(flattenNumbers([[1], [2]], [[1]], undefined)).rejects.toThrow('parts 0, 1, expected 0');
    expect(await flattenNumbers(x, flat, [2, 3])).toEqual({ ours: flat, expected: flat });
  });
});
