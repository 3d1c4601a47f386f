import type { WorkerSource } from '@flambeau/data';
import type { Transform } from '../transforms/transform.ts';

// How workers make the datasets of this package anew: by an export of workerDatasets.ts and plain data.

/** The source of a dataset that is read from a folder; undefined where its transform is a function of yours, which cannot be sent. */
export function rootedSource(
  name: string,
  root: string,
  options: Readonly<Record<string, unknown>>,
  transform: Transform | undefined,
): WorkerSource | undefined {
  if (transform !== undefined && transform.recipe === undefined) return undefined;
  const file = import.meta.url.endsWith('.ts') ? './workerDatasets.ts' : './workerDatasets.js';
  return { module: new URL(file, import.meta.url).href, name, args: [root, options, transform?.recipe] };
}
