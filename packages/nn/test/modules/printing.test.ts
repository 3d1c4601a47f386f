import { setDefaultDevice } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import * as nn from '@flambeau/nn';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);

const lines = JSON.parse(readFileSync(new URL('../fixtures/printing.json', import.meta.url), 'utf8')) as Record<string, string>;

const camelCase = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** One value of Python's as ours: numbers, strings, tuples, None, True and False. */
function readValue(text: string): unknown {
  return JSON.parse(text.replaceAll('(', '[').replaceAll(')', ']').replaceAll("'", '"').replace(/\bNone\b/g, 'null').replace(/\bTrue\b/g, 'true').replace(/\bFalse\b/g, 'false')); // prettier-ignore
}

/** `Conv2d(2, 4, (3, 5), stride=2)` as a layer of ours. */
function build(call: string): nn.Module {
  const [, name, list] = /^(\w+)\((.*)\)$/.exec(call) ?? [];
  const parts = list === '' ? [] : list.split(/,\s*(?![^(]*\))/);
  const positional = parts.filter((part) => !/^\w+=/.test(part)).map(readValue);
  const named = parts.filter((part) => /^\w+=/.test(part)).map((part) => part.split('=')).map(([key, value]) => [camelCase(key), readValue(value)]); // prettier-ignore
  const Layer = (nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>)[name];
  return new Layer(...positional, ...(named.length > 0 ? [Object.fromEntries(named)] : []));
}

describe('a layer prints as PyTorch prints it', () => {
  it.each(Object.entries(lines))('%s', (call, line) => {
    expect(build(call).toString()).toBe(line);
  });
});
