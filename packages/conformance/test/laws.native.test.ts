import { describe, it } from 'vitest';
import { devices } from './engines.ts';
import { itObeysTheLaws } from './laws.ts';

const native = devices.find(([name]) => name === 'cpu, native')?.[1];

describe('the laws hold on the CPU, native engine', () => {
  if (native === undefined) it.skip('there is no addon on this machine');
  else itObeysTheLaws(native);
});
