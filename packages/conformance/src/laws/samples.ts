import type * as core from '@flambeau/core';
import type { functional } from '@flambeau/nn';
import type { Samples } from './inputs.ts';
import { edges } from './samples/edges.ts';
import { elementwise } from './samples/elementwise.ts';
import { linearAlgebra } from './samples/linearAlgebra.ts';
import { networks } from './samples/networks.ts';
import { optimizers } from './samples/optimizers.ts';
import { reductions } from './samples/reductions.ts';
import { views } from './samples/views.ts';

/** `tanh` for the export `tanhOp`. */
type OpNames<Exports> = keyof Exports extends infer Name ? (Name extends `${infer Op}Op` ? Op : never) : never;

/** Ops that are exported under another name than their own, by which the samples know them. */
const renamed = { reshapeView: 'view', attention: 'scaledDotProductAttention' } as const;
type Renamed = keyof typeof renamed;

/** Every op that a package exports. One without samples does not compile; the test finds those that no package exports. */
export type OpName = Exclude<OpNames<typeof core> | OpNames<typeof functional>, Renamed | 'define'>;

const { reshapeView, ...otherViews } = views;
const ordinary = {
  ...elementwise,
  ...otherViews,
  [renamed.reshapeView]: reshapeView,
  ...reductions,
  ...networks,
  ...linearAlgebra,
  ...optimizers,
} satisfies Record<OpName, Samples> & Record<string, Samples>;

/** Edges of an op that there is not would be left out silently, so they do not compile. */
const more: Partial<Record<string, Samples>> = edges satisfies {
  [Name in keyof typeof edges]: Name extends keyof typeof ordinary ? Samples : never;
};

/** What each op is tried with: its ordinary samples, and the edges of what it takes. */
export const samples = Object.fromEntries(
  Object.entries(ordinary).map(([name, of]) => [name, [...of, ...(more[name] ?? [])]]),
) as unknown as Record<keyof typeof ordinary, Samples>;
