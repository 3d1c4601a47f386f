import { Tensor } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { setDefaultDevice } from '@flambeau/core';
import type { Module } from '@flambeau/nn';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { bindArguments, signatures } from '../src/call.ts';
import { Decoder, type ModuleCase, type OperatorCase, type OptimizerCase } from '../src/cases.ts';
import { findModule, findOptimizer } from '../src/library.ts';
import { forwardArguments } from '../src/modules.ts';
import { callOf } from '../src/operators.ts';
import { Pack } from '../src/pack.ts';
import { before, callablesOf, complaint, isClass, junk, matrix, surfaces } from './junk.ts';

// The law of wrong arguments: a public function that gets junk throws a FlambeauError that says so, or gives a right answer; no call
// ends in another exception, or takes more than two seconds.

beforeAll(() => setDefaultDevice(cpu));

type Callable = (...args: unknown[]) => unknown;
const start = (f: Callable, args: unknown[]): unknown =>
  isClass(f) ? new (f as unknown as new (...rest: unknown[]) => unknown)(...args) : f(...args);

async function complaintsOf(name: string, call: (args: unknown[]) => unknown): Promise<string[]> {
  for (const [place, lead] of Object.entries(before)) {
    for (const [what, make] of Object.entries(junk)) {
      const text = await complaint(() => call([...lead(), make()]));
      // One of each function will do: the rest is mostly the same.
      if (text !== undefined) return [`${name}(${place}, ${what}): ${text}`];
    }
  }
  return [];
}

describe('a function or class that gets junk refuses it with a FlambeauError', () => {
  it.each(Object.entries(surfaces))('%s', { timeout: 120_000 }, async (_, names) => {
    const found: string[] = [];
    for (const [name, f] of callablesOf(names)) found.push(...(await complaintsOf(name, (args) => start(f, args))));
    expect(found).toEqual([]);
  });

  it('every method of a tensor', { timeout: 120_000 }, async () => {
    const methods = Object.getOwnPropertyNames(Tensor.prototype).filter(
      (name) => name !== 'constructor' && typeof Object.getOwnPropertyDescriptor(Tensor.prototype, name)?.value === 'function',
    );
    const found: string[] = [];
    for (const name of methods) {
      found.push(...(await complaintsOf(`x.${name}`, (args) => (matrix() as unknown as Record<string, Callable>)[name](...args))));
    }
    expect(methods.length).toBeGreaterThan(300);
    expect(found).toEqual([]);
  });
});

const directory = fileURLToPath(new URL('../cases/', import.meta.url));
const read = <T>(file: string): T[] => JSON.parse(readFileSync(`${directory}${file}.json`, 'utf8')) as T[];

/** One case for each name, without those that are invalid as they stand. */
function oneEach<T extends { error?: unknown }>(cases: readonly T[], nameOf: (test: T) => string): T[] {
  const chosen = new Map<string, T>();
  for (const test of cases) if (test.error === undefined && !chosen.has(nameOf(test))) chosen.set(nameOf(test), test);
  return [...chosen.values()];
}

/** Arguments and keywords with junk in the place of one of them, for each of them. */
function* spoiled(args: number, kwargs: readonly string[]): Generator<{ place: number | string; what: string; value: () => unknown }> {
  for (const place of [...Array.from({ length: args }, (_, i) => i), ...kwargs])
    for (const [what, value] of Object.entries(junk)) yield { place, what, value };
}
const withJunk = (args: readonly unknown[], place: number | string, value: unknown): unknown[] =>
  args.map((arg, i) => (i === place ? value : arg));
const withNamed = (kwargs: Readonly<Record<string, unknown>>, place: number | string, value: unknown): Record<string, unknown> =>
  typeof place === 'string' ? { ...kwargs, [place]: value } : { ...kwargs };

describe('a sample of PyTorch with junk in the place of one argument is refused with a FlambeauError', () => {
  it.each(['tensor', 'nn', 'linalg', 'special'])('%s.json', { timeout: 120_000 }, async (file) => {
    const pack = new Pack(`${directory}${file}.safetensors`);
    const found: string[] = [];
    for (const test of oneEach(read<OperatorCase>(file), ({ op }) => op)) {
      for (const { place, what, value } of spoiled(test.args.length, Object.keys(test.kwargs))) {
        // A method of junk is not ours to refuse.
        const decoder = new Decoder(pack, cpu);
        const args = withJunk(test.args.map((arg) => decoder.decode(arg)), place, value()); // prettier-ignore
        const kwargs = withNamed(decoder.decodeAll(test.kwargs), place, value());
        const isMethod = test.op === '__getitem__' || /^(item|T|H|mT|mH)$/.test(test.op);
        if (place === 0 && isMethod) continue;
        const call = callOf(test, args, kwargs);
        const text = call && (await complaint(call));
        if (text !== undefined) found.push(`${test.op} with ${what} as ${place}: ${text}`);
      }
    }
    expect(found).toEqual([]);
  });

  it('modules.json: constructors and forward', { timeout: 120_000 }, async () => {
    const pack = new Pack(`${directory}modules.safetensors`);
    const found: string[] = [];
    for (const test of oneEach(read<ModuleCase>('modules'), ({ module }) => module)) {
      const name = test.module.replace(/^nn\./, '');
      const Constructor = findModule(name);
      if (Constructor === undefined) continue;
      const decoder = new Decoder(pack, cpu);
      const ctorArgs = test.ctor.args.map((value) => decoder.decode(value));
      const ctorKwargs = decoder.decodeAll(test.ctor.kwargs);
      const names = signatures.modules[name] ?? [];
      const build = (args: unknown[], kwargs: Record<string, unknown>): Module =>
        new Constructor(...bindArguments(Constructor as unknown as (...rest: never[]) => unknown, args, kwargs, names)) as Module;
      for (const { place, what, value } of spoiled(ctorArgs.length, Object.keys(ctorKwargs))) {
        const text = await complaint(() => void build(withJunk(ctorArgs, place, value()), withNamed(ctorKwargs, place, value())));
        if (text !== undefined) found.push(`new ${name} with ${what} as ${place}: ${text}`);
      }
      const args = test.args.map((value) => decoder.decode(value));
      const kwargs = decoder.decodeAll(test.kwargs);
      for (const { place, what, value } of spoiled(args.length, Object.keys(kwargs))) {
        const module = build(ctorArgs, ctorKwargs);
        const given = forwardArguments(name, module, withJunk(args, place, value()), withNamed(kwargs, place, value()));
        const text = await complaint(() => void module.forward(...(given as Parameters<Module['forward']>)));
        if (text !== undefined) found.push(`${name}.forward with ${what} as ${place}: ${text}`);
      }
    }
    expect(found).toEqual([]);
  });

  it('optimizers.json: constructors', { timeout: 120_000 }, async () => {
    const found: string[] = [];
    for (const test of oneEach(
      read<OptimizerCase>('optimizers') as (OptimizerCase & { error?: unknown })[],
      ({ optimizer }) => optimizer,
    )) {
      const Constructor = findOptimizer(test.optimizer);
      if (Constructor === undefined) throw new Error(`there is no optim.${test.optimizer}`);
      const { defaults } = new Constructor([matrix().requiresGrad_()]) as { defaults: Record<string, unknown> };
      for (const { place, what, value } of spoiled(0, Object.keys(defaults))) {
        const text = await complaint(() => void new Constructor([matrix().requiresGrad_()], { [place]: value() }));
        if (text !== undefined) found.push(`new ${test.optimizer} with ${what} as ${place}: ${text}`);
      }
    }
    expect(found).toEqual([]);
  });
});
