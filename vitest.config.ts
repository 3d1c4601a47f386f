import { defineConfig, type ViteUserConfig } from 'vitest/config';

const conditions = ['flambeau-source', 'module', 'node', 'development|production'];
const folders = ['packages/*/test', 'apps/*/test', 'tools/test'];

/** The configuration of the quick tests, or of the long ones (`*.long.test.ts`), which run one file at a time. */
export function testConfig(long: boolean): ViteUserConfig {
  return defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: ['flambeau-source'] } },
    test: {
      include: folders.map((folder) => `${folder}/**/*${long ? '.long' : ''}.test.ts`),
      exclude: [...(long ? [] : ['**/*.long.test.ts']), '**/node_modules/**'],
      pool: 'forks',
      // Vitest's own choice leaves a core to its main process, which is half of a machine of two.
      maxWorkers: long ? 1 : '100%',
      fileParallelism: !long,
      reporters: ['default', './tools/count-reporter.ts'],
      testTimeout: long ? 1_800_000 : 60_000,
      hookTimeout: long ? 600_000 : 60_000,
    },
  });
}

export default testConfig(false);
