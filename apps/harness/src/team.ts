import type { Tensor } from '@flambeau/core';
import type { Sampler } from '@flambeau/data';
import type { Module } from '@flambeau/nn';

/** Where a DataLoader takes its samples from: its options. */
export interface Order {
  readonly shuffle?: boolean;
  readonly sampler?: Sampler;
}

/** The processes that train one network together, each on its own part of the data. */
export interface Team {
  readonly rank: number;
  readonly size: number;
  /** The network as this process trains it: its gradients are those of the whole team. */
  join(network: Module): Module;
  /** This process's part of the data, in a new order in each epoch. */
  order(data: { readonly length: number }, seed: number): Order;
  /** Told before each epoch. */
  startEpoch(epoch: number): void;
  /** Stands between backward and step: resolves when the gradients are those of the team. */
  reduceGradients(): Promise<void>;
  /** The mean over the team of a scalar. */
  mean(x: Tensor): Promise<number>;
}

/** One process, which shares with nobody. */
export const alone: Team = {
  rank: 0,
  size: 1,
  join: (network) => network,
  order: () => ({ shuffle: true }),
  startEpoch: () => undefined,
  reduceGradients: () => Promise.resolve(),
  mean: (x) => x.item(),
};
