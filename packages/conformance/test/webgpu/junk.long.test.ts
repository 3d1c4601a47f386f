import { ones, setDefaultDevice, Tensor } from '@flambeau/core';
import { describe, expect, it } from 'vitest';
import { isFlambeauError } from '../../src/operators.ts';
import { before, callablesOf, complaint, isClass, junk, matrix, surfaces } from '../junk.ts';
import { open } from './open.ts';

// The law of wrong arguments where values are only there later: what gets junk throws a FlambeauError, at the call or at the next read, and the
// device goes on.

const gpu = await open();

type Callable = (...args: unknown[]) => unknown;

describe.skipIf(gpu === undefined)('what gets junk on the GPU refuses it with a FlambeauError, and the device goes on', () => {
  if (gpu !== undefined) setDefaultDevice(gpu);

  async function complaintsOf(name: string, call: (args: unknown[]) => unknown): Promise<string[]> {
    const found: string[] = [];
    for (const [place, lead] of Object.entries(before)) {
      for (const [what, make] of Object.entries(junk)) {
        const text = await complaint(() => call([...lead(), make()]));
        if (text !== undefined) found.push(`${name}(${place}, ${what}): ${text}`);
      }
    }
    // Values that were refused are told now, and once.
    await gpu?.synchronize().catch((error: unknown) => {
      if (!isFlambeauError(error)) found.push(`${name}, later: ${String(error)}`);
    });
    if ((await ones(3).sum().item()) !== 3) found.push(`${name}: the device does not go on`);
    return found.slice(0, 1);
  }

  it.each(['core', 'autograd', 'nn.functional', 'nn', 'linalg', 'special', 'optim'])('%s', { timeout: 300_000 }, async (place) => {
    const found: string[] = [];
    for (const [name, f] of callablesOf(surfaces[place])) {
      if (name === 'setDefaultDevice') continue;
      found.push(...(await complaintsOf(name, (args) => (isClass(f) ? new (f as unknown as new (...rest: unknown[]) => unknown)(...args) : f(...args as never[]))))); // prettier-ignore
    }
    expect(found).toEqual([]);
  });

  it('every method of a tensor', { timeout: 300_000 }, async () => {
    const found: string[] = [];
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(Tensor.prototype))) {
      if (name === 'constructor' || typeof value !== 'function') continue;
      found.push(...(await complaintsOf(`x.${name}`, (args) => (matrix() as unknown as Record<string, Callable>)[name](...args))));
    }
    expect(found).toEqual([]);
  });
});
