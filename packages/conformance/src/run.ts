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

type Entry = Readonly<Record<string, unknown>>;

const kinds = ['op', 'module', 'optimizer', 'scheduler'];
const isStream = (entry: Entry): boolean => typeof entry['seed'] === 'number' && !('id' in entry);
const isCase = (entry: unknown): boolean =>
  typeof entry === 'object' && entry !== null && (isStream(entry as Entry) || kinds.some((kind) => kind in entry));

/** The entries of a case file, or why a file of that name is none. */
function readEntries(directory: string, file: string): readonly Entry[] | string {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(join(directory, `${file}.json`), 'utf8'));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  if (!Array.isArray(read)) return 'it is no list of cases';
  return read.some(isCase) ? (read as readonly Entry[]) : 'none of its entries is a case';
}

/** The case files of a directory, in the order of the table, and the other .json files there with what they lack. */
export function sortFiles(directory: string): { readonly files: string[]; readonly foreign: ReadonlyMap<string, string> } {
  const rank = (name: string): number => (orderOfFiles.includes(name) ? orderOfFiles.indexOf(name) : orderOfFiles.length);
  const files: string[] = [];
  const foreign = new Map<string, string>();
  for (const name of readdirSync(directory)) {
    if (!name.endsWith('.json')) continue;
    const file = basename(name, '.json');
    const entries = readEntries(directory, file);
    if (typeof entries === 'string') foreign.set(name, entries);
    else files.push(file);
  }
  return { files: files.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)), foreign };
}

/** The case files of a directory, in the order of the table. */
export const caseFiles = (directory: string): string[] => sortFiles(directory).files;

/** Reads a case file; what its cases are shows in their fields. */
export function readJobs(directory: string, file: string): Job[] {
  const all = readEntries(directory, file);
  if (typeof all === 'string') throw new Error(`conformance: ${file}.json: ${all}`);
  if (all.some(isStream)) {
    return randomCases(all).map((test) => ({ id: test.id, run: () => outcomeOf(test.id, () => runRandom(test)) }));
  }
  const path = join(directory, `${file}.safetensors`);
  let read: Pack | undefined;
  const pack = (): Pack => {
    if (read === undefined && !existsSync(path)) throw new Error(`conformance: there is no ${file}.safetensors beside the cases`);
    return (read ??= new Pack(path));
  };
  return all.map((entry, i) => {
    const id = typeof entry['id'] === 'string' ? entry['id'] : `${file}#${i}`;
    return { id, run: (device) => outcomeOf(id, async () => runEntry(entry, pack(), device)) };
  });
}

function runEntry(entry: Entry, pack: Pack, device: Device): Promise<void> {
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
