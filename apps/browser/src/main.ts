// `pnpm app browser`: builds the page and serves it on this machine.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, preview } from 'vite';
import { pageConfig } from './vite.ts';

const usage = `Usage: pnpm app browser [options]

Builds the page that trains the apps in a browser, and serves it on this machine.

  --port <n>    the port (4173, or the next that is free)
  --build-only  only builds, for any static server
  -h, --help    shows this`;

const outDir = fileURLToPath(new URL('../dist', import.meta.url));

/** Reads the command line; says what is wrong with it and exits. */
function readOptions(): { port: number; buildOnly: boolean; help: boolean } {
  try {
    const { port, 'build-only': buildOnly, help } = parseArgs({ options: { port: { type: 'string', default: '4173' }, 'build-only': { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } } }).values; // prettier-ignore
    if (!(/^\d+$/.test(port) && Number(port) < 65536)) throw new Error(`expected a port below 65536, got ${JSON.stringify(port)}`);
    return { port: Number(port), buildOnly, help };
  } catch (error) {
    console.error(`error: ${(error as Error).message}\n\n${usage}`);
    process.exit(1);
  }
}

const { port, buildOnly, help } = readOptions();
if (help) console.log(usage);
else {
  console.log('building the page');
  const config = pageConfig(outDir);
  await build(config);
  if (buildOnly) console.log(`built ${outDir}: any static server can serve it`);
  else {
    const server = await preview({ ...config, preview: { ...config.preview, port } });
    console.log(`open ${server.resolvedUrls?.local[0] ?? ''} in a browser (Ctrl-C ends)`);
  }
}
