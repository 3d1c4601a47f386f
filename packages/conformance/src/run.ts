import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Device } from '@flambeau/core';
import type { ModuleCase, OperatorCase, OptimizerCase, Outcome, ScheduleCase, Status } from './cases.ts';
import { runModule } from './modules.ts';
import { outcomeOf, runOperator } from './operators.ts';
import { runOptimizer, runSchedule } from './optimizers.ts';
import { Pack } from './pack.ts';
import { randomCases, runRandom } from './random.ts';

/** One case, ready to run. */
export interface Job {
  readonly id: string;
  run(device: Device): Promise<Outcome>;
}

const orderOfFiles = ['tensor', 'nn', 'linalg', 'special', 'fft', 'modules', 'optimizers', 'schedules', 'random'];

/** The case files of a directory, in the order of the table. */
export function caseFiles(directory: string): string[] {
  const rank = (name: string): number => (orderOfFiles.includes(name) ? orderOfFiles.indexOf(name) : orderOfFiles.length);
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => basename(name, '.json'))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** Reads a case file; what its cases are shows in their fields. */
export function readJobs(directory: string, file: string): Job[] {
  const all = JSON.parse(readFileSync(join(directory, `${file}.json`), 'utf8')) as readonly Record<string, unknown>[];
  if (all.some((entry) => 'seed' in entry && !('id' in entry))) {
    return randomCases(all).map((test) => ({ id: test.id, run: () => outcomeOf(test.id, () => runRandom(test)) }));
  }
  const path = join(directory, `${file}.safetensors`);
  const pack = existsSync(path) ? new Pack(path) : undefined;
  return all.map((entry) => {
    const id = entry['id'] as string;
    return { id, run: (device) => outcomeOf(id, () => runEntry(entry, pack, device)) };
  });
}

function runEntry(entry: Readonly<Record<string, unknown>>, pack: Pack | undefined, device: Device): Promise<void> {
  if (pack === undefined) throw new Error('conformance: the tensors beside the cases are missing');
  if ('op' in entry) return runOperator(entry as unknown as OperatorCase, pack, device);
  if ('module' in entry) return runModule(entry as unknown as ModuleCase, pack, device);
  if ('optimizer' in entry) return runOptimizer(entry as unknown as OptimizerCase, pack, device);
  if ('scheduler' in entry) return runSchedule(entry as unknown as ScheduleCase, pack, device);
  throw new Error(`conformance: a case with the fields ${Object.keys(entry).join(', ')}`);
}

/** Counts of a file; `notSupported` stands outside of `cases`. */
export type Counts = Record<'cases' | Status, number>;

export function count(outcomes: readonly Outcome[]): Counts {
  const counts: Counts = {
    cases: 0,
    passed: 0,
    wrongValue: 0,
    wrongGradient: 0,
    notImplemented: 0,
    errorMissing: 0,
    crashed: 0,
    notSupported: 0,
  };
  for (const { status } of outcomes) {
    counts[status]++;
    if (status !== 'notSupported') counts.cases++;
  }
  return counts;
}
