import type { Device } from '@flambeau/core';
import type { Module, StateDict } from '@flambeau/nn';
import { load, save } from '@flambeau/serialization';

/** Writes the state dict of a network; the ending of the file tells the format. */
export async function saveWeights(network: Module, file: string): Promise<void> {
  await save(network.stateDict(), file);
}

/** Reads weights into a network, whichever device it is on, where `--load` names a file. */
export async function loadWeights(network: Module, file: string | undefined, device: Device): Promise<void> {
  if (file === undefined) return;
  const state = (await load(file, { device })) as StateDict;
  network.loadStateDict(state);
  console.log(`loaded weights from ${file}`);
}
