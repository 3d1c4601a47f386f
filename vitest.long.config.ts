import { testConfig } from './vitest.config.ts';

export default testConfig(true);
