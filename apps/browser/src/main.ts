// `pnpm app browser`: builds the page and serves it on this machine. `--port 5000` chooses the port, `--build-only` only builds.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, preview } from 'vite';
import { pageConfig } from './vite.ts';

const { values } = parseArgs({ options: { port: { type: 'string', default: '4173' }, 'build-only': { type: 'boolean', default: false } } });
const outDir = fileURLToPath(new URL('../dist', import.meta.url));
const config = pageConfig(outDir);
console.log('building the page');
await build(config);
if (values['build-only']) console.log(`built ${outDir}: any static server can serve it`);
else {
  const server = await preview({ ...config, preview: { ...config.preview, port: Number(values.port) } });
  console.log(`open ${server.resolvedUrls?.local[0] ?? ''} in a browser (Ctrl-C ends)`);
}
