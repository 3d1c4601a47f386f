import { mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

export default mergeConfig(base, {
  test: {
    include: ['packages/*/test/**/*.long.test.ts', 'apps/*/test/**/*.long.test.ts', 'tools/test/**/*.long.test.ts'],
    exclude: ['!**/*.long.test.ts'],
    fileParallelism: false,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
  },
});
