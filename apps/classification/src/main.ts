import { runApp } from '@flambeau/app-harness/node';
import { classification } from './classification.ts';

await runApp(classification);
