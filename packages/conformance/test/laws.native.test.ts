import { createCpuDevice } from '@flambeau/backend-cpu';
import { describe } from 'vitest';
import { itObeysTheLaws } from './laws.ts';

const { device, info } = createCpuDevice('native');

describe.runIf(info.engine === 'native')('the laws hold on the CPU, native engine', () => itObeysTheLaws(device));
