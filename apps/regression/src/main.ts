import { runApp } from '@flambeau/app-harness/node';
import { regression } from './regression.ts';

await runApp(regression);
