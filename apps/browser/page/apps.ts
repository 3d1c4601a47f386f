import type { App } from '@flambeau/app-harness';
import { classification } from '@flambeau/app-classification';
import { cnn } from '@flambeau/app-cnn';
import { lstm } from '@flambeau/app-lstm';
import { regression } from '@flambeau/app-regression';

/** The programs that the page runs: the very ones that run in Node. */
export const apps: readonly App[] = [regression, classification, cnn, lstm];
