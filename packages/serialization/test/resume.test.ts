import { Generator, randn } from '@flambeau/core';
import { DataLoader, RandomSampler, TensorDataset, type LoaderState } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { load, loadCheckpoint, restoreTraining, save, toBytes, trainingState, type FileFormat } from '../src/index.ts';
import { build, epochs, peekRandom, stepsPerEpoch } from './resume/run.ts';
import { scratchFile } from './helpers.ts';

const total = epochs * stepsPerEpoch;

describe('resuming', () => {
  for (const format of ['pt', 'safetensors'] as const satisfies FileFormat[]) {
    it(`goes on from any step of a run with exactly its losses, through ${format}`, async () => {
      const whole = await build(1).run([], 0, () => Promise.resolve(true));
      const after = peekRandom();
      expect(whole).toHaveLength(total);
      // The last steps of the first epoch and the first of the second are where a position can go wrong.
      for (const stop of [1, 3, stepsPerEpoch - 1, stepsPerEpoch, stepsPerEpoch + 1, total - 1]) {
        const first = build(1);
        let bytes = new Uint8Array();
        await first.run([], 0, async (losses, epoch) => {
          if (losses.length < stop) return true;
          bytes = await toBytes(trainingState(first.parts, { losses, epoch }), { format });
          return false;
        });
        const second = build(1234);
        const state = await loadCheckpoint(bytes, second.parts);
        const losses = await second.run(state['losses'] as number[], Number(state['epoch']), () => Promise.resolve(true));
        expect(losses, `stopped after step ${stop}`).toEqual(whole);
        expect(peekRandom(), 'the generator after the run').toBe(after);
      }
    });
  }

  it('differs when the generator or the loader is left out, so that the test above can fail', async () => {
    const whole = await build(1).run([], 0, () => Promise.resolve(true));
    for (const missing of ['generator', 'loader']) {
      const first = build(1);
      let state: Record<string, unknown> = {};
      await first.run([], 0, (losses, epoch) => {
        state = trainingState(first.parts, { losses, epoch });
        return Promise.resolve(losses.length < 3);
      });
      const second = build(1234);
      const { [missing]: _, ...rest } = state;
      const { loader, ...parts } = second.parts;
      restoreTraining(rest, missing === 'loader' ? parts : { ...parts, loader });
      const losses = await second.run(state['losses'] as number[], 0, () => Promise.resolve(true));
      expect(losses).not.toEqual(whole);
    }
  });

  it('says which part a checkpoint lacks', () => {
    const { parts } = build(1);
    const state = trainingState({ model: parts.model });
    expect(() => restoreTraining(state, parts)).toThrow(/a state of the optimizer/);
    expect(() => trainingState(parts, { model: 1 })).toThrow(/other names/);
  });
});

describe('the position of a loader', () => {
  const rows = (batches: Iterable<readonly unknown[]>): number[][] =>
    [...batches].map(([x]) => Array.from((x as { dataSync(): Float32Array }).dataSync(), Number));

  it('is kept with a generator of its own, with replacement, and in order', async () => {
    const data = new TensorDataset(randn(20));
    const makers: Record<string, (generator: Generator) => DataLoader<unknown[]>> = {
      shuffled: (generator) => new DataLoader(data, { batchSize: 3, shuffle: true, generator }),
      replaced: (generator) =>
        new DataLoader(data, { batchSize: 3, sampler: new RandomSampler(data, { replacement: true, numSamples: 20, generator }) }),
      ordered: () => new DataLoader(data, { batchSize: 3 }),
    };
    for (const [name, make] of Object.entries(makers)) {
      const loader = make(new Generator().manualSeed(4));
      const iterator = loader[Symbol.iterator]();
      for (let i = 0; i < 2; i++) iterator.next();
      const { state } = await load<{ state: LoaderState }>(await toBytes({ state: loader.stateDict() }, { format: 'pt' }));
      expect(state.position).toBe(2);
      const rest: unknown[][] = [];
      for (let next = iterator.next(); next.done !== true; next = iterator.next()) rest.push(next.value as unknown[]);
      const other = make(new Generator().manualSeed(5));
      other.loadStateDict(state);
      expect(rows(other as Iterable<unknown[]>), name).toEqual(rows(rest));
      // The pass after that is a new one, of full length, and the same in both.
      const next = rows(other as Iterable<unknown[]>);
      expect(next).toHaveLength(7);
      expect(next, name).toEqual(rows(loader as Iterable<unknown[]>));
    }
  });

  it('refuses a state that is none', () => {
    const loader = new DataLoader(new TensorDataset(randn(4)));
    for (const wrong of [
      null,
      {},
      { position: -1, start: [], now: [] },
      { position: 1, start: [], now: [] },
      { position: 1, start: [3], now: [] },
    ])
      expect(() => loader.loadStateDict(wrong as never)).toThrow(/DataLoader\.loadStateDict/);
  });
});

describe('a checkpoint', () => {
  it('is whole whenever it is read while others are saved over it', async () => {
    const file = scratchFile('whole.pt');
    await save({ model: new nn.Linear(2, 2).stateDict(), step: 0 }, file);
    const saving = Array.from({ length: 5 }, (_, i) => save({ model: new nn.Linear(2, 2).stateDict(), step: i + 1 }, file));
    const seen: unknown[] = [];
    for (let i = 0; i < 20; i++) seen.push((await load<{ step: number }>(file)).step);
    await Promise.all(saving);
    for (const step of seen) expect([0, 1, 2, 3, 4, 5]).toContain(step);
  });
});
