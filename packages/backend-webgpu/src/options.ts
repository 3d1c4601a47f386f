import { ArgumentError, checkChoice, describe, readOptions } from '@flambeau/core';
import { limitNames, type WebGpuOptions } from './gpu.ts';
import type { Budget } from './pool.ts';

const [defaultMaxBytes, defaultSoftBytes] = [4 * 2 ** 30, 256 * 2 ** 20];

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);

function refuse(expected: string, received: unknown, hint?: string): never {
  throw new ArgumentError({ op: 'webgpu', expected, received: describe(received), hint });
}

/** Options may come from a program that nothing has checked: what each of them takes. */
const checks: { readonly [Name in keyof Required<WebGpuOptions>]: (value: unknown) => void } = {
  powerPreference: (value) => void checkChoice('webgpu', 'powerPreference', value, ['high-performance', 'low-power']),
  maxBytes: (value) => checkBytes('maxBytes', value),
  softBytes: (value) => checkBytes('softBytes', value),
  random: (value) => void checkChoice('webgpu', 'random', value, ['device', 'host']),
  limits: checkLimits,
  timestamps: (value) => checkFlag('timestamps', value),
  float16: (value) => checkFlag('float16', value),
  kernels: (value) => void checkChoice('webgpu', 'kernels', value, ['workgroups', 'threads']),
  gpu(value) {
    if (!isObject(value) || typeof (value as Partial<GPU>).requestAdapter !== 'function')
      refuse('gpu to be an entry of WebGPU, with requestAdapter', value, "Give navigator.gpu, or create([]) of the npm package 'webgpu'; or leave it out."); // prettier-ignore
  },
};

function checkBytes(name: string, value: unknown): void {
  if (!(typeof value === 'number' && value > 0)) refuse(`${name} above 0`, value, 'Give a number of bytes, such as 2 ** 30.');
}

function checkFlag(name: string, value: unknown): void {
  if (typeof value !== 'boolean') refuse(`${name} to be true or false`, value);
}

function checkLimits(limits: unknown): void {
  const names = limitNames.join(', ');
  if (!isObject(limits)) refuse(`limits to be an object with some of ${names}`, limits);
  for (const [name, value] of Object.entries(limits) as [string, unknown][]) {
    if (!limitNames.some((known) => known === name)) refuse(`limits among ${names}`, name);
    if (value !== undefined && !(Number.isInteger(value) && (value as number) > 0)) {
      refuse(`${name} to be an integer above 0`, value, 'Leave it out to use what the adapter allows.');
    }
  }
}

/**
 * Reads options and checks them, with how much memory tensors may take.
 * @throws ArgumentError for an option that there is not, or a value that an option does not take
 */
export function readWebGpuOptions(given: unknown): WebGpuOptions & Budget {
  const names = Object.keys(checks) as (keyof WebGpuOptions)[];
  const options = readOptions<WebGpuOptions>('webgpu', given, names);
  for (const name of names) if (options[name] !== undefined) checks[name](options[name]);
  const { maxBytes = defaultMaxBytes, softBytes = Math.min(defaultSoftBytes, maxBytes / 2) } = options;
  if (softBytes > maxBytes) refuse(`softBytes of at most maxBytes, which is ${maxBytes}`, softBytes, 'Lower it, or raise maxBytes.');
  return { ...options, maxBytes, softBytes };
}
