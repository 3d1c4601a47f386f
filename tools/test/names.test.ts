import * as autograd from '@flambeau/autograd';
import * as cpu from '@flambeau/backend-cpu';
import * as core from '@flambeau/core';
import * as linalg from '@flambeau/linalg';
import * as nn from '@flambeau/nn';
import * as serialization from '@flambeau/serialization';
import * as special from '@flambeau/special';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { camelCase } from '../../packages/conformance/src/naming.ts';

// PyTorch's names are in tools/docs/pytorch/names.json, as make.py found them. Each is here under its name in camelCase, or stands in
// omitted.json under the reason why it does not.
const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(`../docs/pytorch/${name}`, import.meta.url), 'utf8')) as T;
const names = read<Readonly<Record<string, readonly string[]>>>('names.json');
/** Reasons with the names that they hold for, by PyTorch's namespace. */
const omitted = read<Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>>('omitted.json');

const methods: object = core.Tensor.prototype;
const spaces: Readonly<Record<string, readonly object[]>> = {
  torch: [core, autograd, linalg, serialization, cpu],
  'torch.Tensor': [methods],
  'torch.nn.functional': [nn.functional],
  'torch.nn.init': [nn.init],
  'torch.nn.utils': [nn.utils],
  'torch.linalg': [linalg.linalg],
  'torch.special': [special.special],
  'torch.autograd': [autograd],
};
const here = (space: string, name: string): boolean => spaces[space].some((holder) => camelCase(name) in holder);
const omittedOf = (space: string): string[] => Object.values(omitted[space] ?? {}).flat();

describe.each(Object.entries(names))('the names of %s', (space, all) => {
  it('are here, or omitted with a reason', () => {
    const missing = all.filter((name) => !here(space, name) && !omittedOf(space).includes(name));
    expect(missing).toEqual([]);
  });

  it('are omitted once, and only while they are not here', () => {
    const list = omittedOf(space);
    expect(list.filter((name, i) => list.indexOf(name) !== i)).toEqual([]);
    expect(list.filter((name) => here(space, name) || !all.includes(name))).toEqual([]);
    for (const reason of Object.keys(omitted[space] ?? {})) expect(reason.length).toBeGreaterThan(20);
  });
});

describe('names that are omitted because they stand elsewhere', () => {
  const reasons = Object.values(omitted).flatMap((list) => Object.entries(list));
  const elsewhere = (start: string): string[] => reasons.filter(([reason]) => reason.startsWith(start)).flatMap(([, list]) => list);

  it('are methods of a tensor, where the list says so', () => {
    const list = elsewhere('A method:');
    expect(list.length).toBeGreaterThan(50);
    expect(list.filter((name) => !(camelCase(name) in methods))).toEqual([]);
  });

  it('are in nn.functional, where the list says so', () => {
    const list = elsewhere('In nn.functional:');
    expect(list.length).toBeGreaterThan(30);
    expect(list.filter((name) => !(camelCase(name) in nn.functional))).toEqual([]);
  });

  it('are in linalg, where the list says so', () => {
    const list = elsewhere('In linalg:');
    expect(list.length).toBeGreaterThan(2);
    expect(list.filter((name) => !(camelCase(name) in linalg.linalg))).toEqual([]);
  });

  it('are in nn.init with an underscore, where the list says so', () => {
    const list = elsewhere('With an underscore:');
    expect(list.length).toBeGreaterThan(5);
    expect(list.filter((name) => !(camelCase(`${name}_`) in nn.init))).toEqual([]);
  });
});
