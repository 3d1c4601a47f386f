import { internalScope, type Tensor } from '@flambeau/core';

/** The first `count` outputs of an op whose others serve only its derivative: no caller sees those, so they are released with the graph. */
export const firstOutputs = (count: number, run: () => Tensor[]): Tensor[] => internalScope(() => run().slice(0, count)) as Tensor[];

/** The first output alone. */
export const firstOutput = (run: () => Tensor[]): Tensor => firstOutputs(1, run)[0];
