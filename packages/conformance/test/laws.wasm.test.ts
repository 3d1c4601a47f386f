import { createCpuDevice } from '@flambeau/backend-cpu';
import { describe } from 'vitest';
import { itObeysTheLaws } from './laws.ts';

const { device, info } = createCpuDevice('wasm');

describe.runIf(info.engine === 'wasm')('the laws hold on the CPU, wasm engine', () => itObeysTheLaws(device));
