import { ArgumentError, defaultGenerator, describe, generatorOf, isPlainObject, type Generator } from '@flambeau/core';
import type { FileInput } from './files/source.ts';
import type { FileOutput } from './files/target.ts';
import { load, type OpenOptions } from './load.ts';
import { save, type SaveOptions } from './save.ts';

/** Anything with a state that can be saved and given back: modules, optimizers, schedulers, loaders. */
export interface Stateful {
  stateDict(): unknown;
  loadStateDict(state: never): unknown;
}

/** What a training run consists of. */
export interface TrainingParts {
  model?: Stateful;
  optimizer?: Stateful;
  scheduler?: Stateful;
  /** A DataLoader, which tells how far its pass has come. */
  loader?: Stateful;
  /** The default generator when missing; its state is always part of the checkpoint. */
  generator?: Generator;
}

/** A checkpoint as it is saved: the states of the parts, and whatever else the run wants back, such as the epoch. */
export type TrainingState = Record<string, unknown>;

const partNames = ['model', 'optimizer', 'scheduler', 'loader'] as const;

/** @throws ArgumentError unless each part has a state to save and to give back */
function checkParts(op: string, parts: TrainingParts): void {
  if (!isPlainObject(parts as unknown))
    throw new ArgumentError({ op, expected: 'parts of a run: { model, optimizer, scheduler, loader }', received: describe(parts) });
  for (const name of partNames) {
    const part: Partial<Stateful> | null | undefined = parts[name];
    if (part !== undefined && (typeof part?.stateDict !== 'function' || typeof part.loadStateDict !== 'function'))
      throw new ArgumentError({ op, expected: `the ${name} to have stateDict and loadStateDict`, received: describe(part) });
  }
  if (parts.generator !== undefined) generatorOf(op, parts.generator);
}

/**
 * The state of a training run, to be saved: `save(trainingState({ model, optimizer, loader }, { epoch }), 'run.pt')`.
 * @throws ArgumentError when `extra` uses the name of a part
 */
export function trainingState(parts: TrainingParts, extra: Readonly<Record<string, unknown>> = {}): TrainingState {
  checkParts('trainingState', parts);
  const taken = Object.keys(extra ?? {}).find((key) => key === 'generator' || (partNames as readonly string[]).includes(key));
  if (taken !== undefined)
    throw new ArgumentError({ op: 'trainingState', expected: 'other names than those of the parts', received: taken });
  const state: TrainingState = { ...extra };
  for (const name of partNames) {
    const part = parts[name];
    if (part !== undefined) state[name] = part.stateDict();
  }
  state['generator'] = (parts.generator ?? defaultGenerator).getStateBytes();
  return state;
}

/**
 * Gives the parts of a run their states back; the run then goes on as if it had never stopped.
 * @throws ArgumentError when the state has none for a part that is given
 */
export function restoreTraining(state: TrainingState, parts: TrainingParts): void {
  if (typeof state !== 'object' || state === null)
    throw new ArgumentError({ op: 'restoreTraining', expected: 'a state of a run', received: describe(state) });
  checkParts('restoreTraining', parts);
  for (const name of partNames) {
    const part = parts[name];
    if (part === undefined) continue;
    if (state[name] === undefined)
      throw new ArgumentError({
        op: 'restoreTraining',
        expected: `a state of the ${name}`,
        received: `a checkpoint of ${Object.keys(state).join(', ')}`,
      });
    part.loadStateDict(state[name] as never);
  }
  const { generator } = state;
  if (generator instanceof Uint8Array) (parts.generator ?? defaultGenerator).setStateBytes(generator);
  else if (generator !== undefined)
    throw new ArgumentError({ op: 'restoreTraining', expected: 'the bytes of a generator', received: describe(generator) });
}

/** Saves everything that a run needs to go on, at once and whole: `await saveCheckpoint('run.pt', { model, optimizer, scheduler, loader }, { epoch })`. */
export async function saveCheckpoint(
  output: FileOutput,
  parts: TrainingParts,
  extra: Readonly<Record<string, unknown>> = {},
  options: SaveOptions = {},
): Promise<void> {
  await save(trainingState(parts, extra), output, options);
}

/** Reads a checkpoint and gives the parts their states back. @returns the whole checkpoint, with what else was saved in it */
export async function loadCheckpoint(input: FileInput, parts: TrainingParts, options: OpenOptions = {}): Promise<TrainingState> {
  const state = await load<TrainingState>(input, options);
  restoreTraining(state, parts);
  return state;
}
