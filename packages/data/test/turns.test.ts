import { arange, joinTurns, setDefaultDevice, turnDevices, type Device } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { DataLoader, TensorDataset } from '@flambeau/data';
import { expect, it } from 'vitest';

setDefaultDevice(reference);

/** A device of which only its turns matter. */
const counting = (): { device: Device; turns: () => number } => {
  let count = 0;
  const device: Device = Object.create(reference, { turn: { value: () => Promise.resolve(void count++) } }) as Device;
  return { device, turns: () => count };
};

it('a loop over a loader pauses every few batches for each device that was opened, the default one or not', async () => {
  const [one, other] = [counting(), counting()];
  joinTurns(one.device);
  joinTurns(other.device);
  const loader = new DataLoader(new TensorDataset(arange(32)), { batchSize: 2 });
  let batches = 0;
  for await (const [x] of loader) batches += x.count / 2;
  expect(batches).toBe(16);
  // 16 batches, with a pause at each fourth.
  expect([one.turns(), other.turns()]).toEqual([4, 4]);
  // The default one has one turn, not two.
  setDefaultDevice(one.device);
  await turnDevices();
  expect([one.turns(), other.turns()]).toEqual([5, 5]);
  setDefaultDevice(reference);
});
