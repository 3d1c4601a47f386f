import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Addon, AddonSearch } from './addon.ts';

// What the backend needs of Node; browser.ts stands in for it elsewhere.

const opened = new Map<string, Addon>();

/** Opens an addon, once. `require` would set up all that CommonJS modules need before: a millisecond of a program's start. */
function open(path: string): Addon {
  const known = opened.get(path);
  if (known !== undefined) return known;
  const module = { exports: {} };
  process.dlopen(module, path);
  const addon = module.exports as Addon;
  opened.set(path, addon);
  return addon;
}

/** Looks for the addon: a local build first, then the platform's package. */
export function findAddon(): AddonSearch {
  const platform = `${process.platform}-${process.arch}`;
  const local = fileURLToPath(new URL(`../../build/${platform}/flambeau.node`, import.meta.url));
  const reasons: string[] = [];
  const load = (path: string, file: () => string): Addon | undefined => {
    try {
      return open(file());
    } catch (error) {
      reasons.push(`${path}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
      return undefined;
    }
  };
  if (existsSync(local)) {
    const addon = load(local, () => local);
    if (addon !== undefined) return { addon, path: local };
  } else reasons.push('no local build of the addon');
  const packaged = `@flambeau/backend-cpu-${platform}/flambeau.node`;
  const addon = load(packaged, () => createRequire(import.meta.url).resolve(packaged));
  return addon === undefined ? { addon, reasons } : { addon, path: packaged };
}

/** An environment variable; undefined where it is not set or empty. */
export const environment = (name: string): string | undefined => process.env[name] || undefined;

/** Processors that this process may use. */
export const processors = (): number => availableParallelism();

/** Bytes of all ArrayBuffers that V8 has not collected; undefined where nobody counts them. */
export const arrayBufferBytes = (): number | undefined => process.memoryUsage().arrayBuffers;

/** A buffer of V8 with arbitrary content. */
export const newBuffer = (byteLength: number): ArrayBuffer => Buffer.allocUnsafeSlow(byteLength).buffer as ArrayBuffer;

type Collector = (options: { type: 'minor' }) => void;

/** V8's `gc`. V8 shows it only to contexts that are made while the flag is set, so the program's own globals stay as they are. */
function findCollector(): Collector {
  const given = (globalThis as { gc?: Collector }).gc;
  if (given !== undefined) return given;
  const nothing = (): void => {};
  if (process.versions.v8 === undefined || 'bun' in process.versions) return nothing;
  try {
    const require = createRequire(import.meta.url);
    const { setFlagsFromString } = require('node:v8') as typeof import('node:v8');
    const { runInNewContext } = require('node:vm') as typeof import('node:vm');
    setFlagsFromString('--expose-gc');
    const collector = runInNewContext('gc') as Collector;
    setFlagsFromString('--no-expose-gc');
    return collector;
  } catch {
    return nothing;
  }
}

let collector: Collector | undefined;

/** Makes V8 collect its young generation now, which takes some 50 µs; nothing where it does not let. */
export function collectYoung(): void {
  collector ??= findCollector();
  collector({ type: 'minor' });
}
