import { definedOps, setDefaultDevice } from '@flambeau/core';
import { grad } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { describe, expect, it } from 'vitest';
import { allValues, asList, leaves } from '../src/laws/inputs.ts';
import { opsIn } from '../src/laws/laws.ts';
import { itObeysTheLaws, table } from './laws.ts';

/** An assignment through a view is recorded as the first, which never runs forward; the second is what custom functions are copies of. */
const neverRun = ['replaceRegion', 'customFunction'];

describe('every op has samples', () => {
  it('there is no op without samples, and there are no samples without an op', () => {
    const defined = [...definedOps().keys()];
    const sampled = table.map(([name]) => name);
    expect(defined.filter((name) => !sampled.includes(name))).toEqual([]);
    expect(sampled.filter((name) => !defined.includes(name))).toEqual([]);
  });

  it.each(table.filter(([name]) => !neverRun.includes(name)))('the samples of %s run it, forward or backward', (name, of) => {
    setDefaultDevice(reference);
    const seen = of.flatMap((sample) => [
      ...opsIn(() => {
        const inputs = leaves(sample, reference, 'float64', allValues(sample));
        const results = asList(sample.run(...inputs)).filter((x) => x.requiresGrad);
        const wanted = inputs.filter((x) => x.requiresGrad);
        if (!sample.smooth || results.length === 0 || wanted.length === 0) return;
        grad(results.map((x) => x.sum()), wanted, { allowUnused: true, createGraph: true }); // prettier-ignore
      }),
    ]);
    expect(seen).toContain(name);
  });
});

describe('the laws hold on the reference', () => itObeysTheLaws(reference));
