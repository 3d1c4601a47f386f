import { runApp } from '@flambeau/app-harness/node';
import { resnet } from './resnet.ts';

await runApp(resnet);
