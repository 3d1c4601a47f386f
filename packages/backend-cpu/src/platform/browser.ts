import type { AddonSearch } from './addon.ts';

// What node.ts offers, where there is no Node.

export const findAddon = (): AddonSearch => ({ addon: undefined, reasons: ['addons are loaded by Node only'] });

export const environment = (_name: string): string | undefined => undefined;

export const processors = (): number => 1;

export const arrayBufferBytes = (): number | undefined => undefined;

export const newBuffer = (byteLength: number): ArrayBuffer => new ArrayBuffer(byteLength);

export const collectYoung = (): void => {};
