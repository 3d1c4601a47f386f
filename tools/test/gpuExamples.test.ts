import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { open } from '../../packages/conformance/test/webgpu/open.ts';

// The `ts gpu` blocks of the READMEs run where there is an adapter. `// → text` after a console.log says what it prints.
const root = fileURLToPath(new URL('../../', import.meta.url));
const scratch = `${root}tools/test/.examples/gpu/`;
const documents = ['README.md', 'packages/backend-webgpu/README.md'];
const gpu = await open();
// Where Chromium brings the Vulkan loader, a process of its own finds it by this.
const loader = '/usr/lib/chromium';

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.skipIf(gpu === undefined)('the GPU examples of', () => {
  it.each(documents)('%s run, and Node exits by itself', (file) => {
    const blocks = [...readFileSync(`${root}${file}`, 'utf8').matchAll(/^```ts gpu\n([\s\S]*?)^```/gm)].map(([, code]) => code);
    expect(blocks.length).toBeGreaterThan(0);
    mkdirSync(scratch, { recursive: true });
    for (const [i, code] of blocks.entries()) {
      const path = `${scratch}${file.replaceAll(/\W/g, '_')}_${i}.ts`;
      writeFileSync(path, code);
      const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--conditions=flambeau-source', path], {
        cwd: root,
        encoding: 'utf8',
        timeout: 50_000,
        env: { ...process.env, LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, loader].filter(Boolean).join(':') },
      });
      expect(`${stderr}${status === 0 ? '' : `\nexit ${status}`}`).toBe('');
      for (const [, text] of code.matchAll(/\/\/ → (.*)$/gm)) expect(stdout).toContain(text.trim());
    }
  });
});
