import { runApp } from '@flambeau/app-harness/node';
import { lstm } from './lstm.ts';

await runApp(lstm);
