import * as core from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import type { Device } from '@flambeau/core';
import { existsSync } from 'node:fs';
import { camelCase } from './naming.ts';

type Names = Readonly<Record<string, unknown>>;
export type Callable = (...args: unknown[]) => unknown;

/** A package that may not be there: its exports, or nothing. */
async function optionalPackage(name: string): Promise<Names> {
  const source = new URL(`../../${name}/src/index.ts`, import.meta.url);
  return existsSync(source) ? ((await import(source.href)) as Names) : {};
}

const linalg = await optionalPackage('linalg');
const special = await optionalPackage('special');
const fft = await optionalPackage('fft');
const asNames = (value: unknown): Names => (typeof value === 'object' && value !== null ? (value as Names) : {});

/** Where PyTorch's submodules live: in a namespace of their name. */
const namespaces: Readonly<Record<string, readonly Names[]>> = {
  'nn.functional': [nn.functional as Names],
  linalg: [asNames(linalg['linalg'])],
  special: [asNames(special['special'])],
  fft: [asNames(fft['fft'])],
};

const callable = (value: unknown): Callable | undefined => (typeof value === 'function' ? (value as Callable) : undefined);

/** A function, or a method or property of the first argument. */
export type Found = { readonly f: Callable } | { readonly method: string } | { readonly property: string };

/** What PyTorch's operator is called here; undefined when there is none. */
export function findOperator(op: string): Found | undefined {
  const dot = op.lastIndexOf('.');
  const name = camelCase(op.slice(dot + 1));
  if (dot >= 0) {
    for (const names of namespaces[op.slice(0, dot)] ?? []) {
      const f = callable(names[name]);
      if (f !== undefined) return { f };
    }
    return undefined;
  }
  const f = callable((core as Names)[name]) ?? callable(linalg[name]);
  if (f !== undefined) return { f };
  const own = Object.getOwnPropertyDescriptor(core.Tensor.prototype, name);
  if (own?.get !== undefined) return { property: name };
  if (own !== undefined) return { method: name };
  const other = callable((nn.functional as Names)[name]);
  if (other !== undefined) return { f: other };
  // What exists only as a method that fills a tensor: `cauchy` of the samples is `x.cauchy_()`.
  return Object.hasOwn(core.Tensor.prototype, `${name}_`) ? { method: `${name}_` } : undefined;
}

type Constructor = new (...args: unknown[]) => unknown;
const constructorOf = (names: Names, name: string): Constructor | undefined =>
  typeof names[name] === 'function' ? (names[name] as Constructor) : undefined;

export const findModule = (name: string): Constructor | undefined => constructorOf(nn as unknown as Names, name);
export const findOptimizer = (name: string): Constructor | undefined => constructorOf(optim as unknown as Names, name);
export const findScheduler = (name: string): Constructor | undefined =>
  constructorOf(asNames((optim as unknown as Names)['lrScheduler']), name) ?? constructorOf(optim as unknown as Names, name);

export const backendNames = ['reference', 'cpu', 'webgpu'] as const;
export type BackendName = (typeof backendNames)[number];

/** Loads a backend and makes its device the default one. A GPU is asked for PyTorch's random numbers in place of its own. */
export async function openBackend(name: BackendName): Promise<Device> {
  const names = await optionalPackage(`backend-${name}`);
  const made: unknown = name === 'webgpu' ? await callable(names['webgpu'])?.({ random: 'host' }) : names[name];
  if (typeof made !== 'object' || made === null) throw new Error(`conformance: there is no backend ${name} in this workspace`);
  core.setDefaultDevice(made as Device);
  return made as Device;
}
