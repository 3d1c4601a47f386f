import { fileURLToPath } from 'node:url';
import { BundledPage } from '../../../../tools/browser/bundle.ts';

export const lawNames = [
  'stridesDoNotMatter',
  'expandedIsCopied',
  'savedChangesAreCaught',
  'kernelIsComposition',
  'deviceIsReference',
] as const;

/** A page of Chromium that checks laws. */
export const openLaws = (): Promise<BundledPage> =>
  BundledPage.open({ entries: { main: fileURLToPath(new URL('main.ts', import.meta.url)) }, external: ['node:*', 'sharp', 'hyparquet'] });
