import { runApp } from '@flambeau/app-harness/node';
import { cnn } from './cnn.ts';

await runApp(cnn);
