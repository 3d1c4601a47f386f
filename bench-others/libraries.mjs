// Opens the libraries on a backend. Each gives `works`, by name: a function that prepares a work and gives one that runs it once.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import * as flambeauWorks from './works/flambeau.mjs';
import * as jaxWorks from './works/jax.mjs';
import * as tensorflowWorks from './works/tensorflow.mjs';

const { resolve } = createRequire(new URL('../package.json', import.meta.url));
const fromWorkspace = (name) => import(pathToFileURL(resolve(name)).href);

/** Flambeau counts what it hands to a GPU: `counters()`. */
async function flambeau(backend) {
  // Which engine the CPU's backend takes is read when it is first loaded.
  if (backend === 'wasm') process.env.FLAMBEAU_CPU = 'wasm';
  const fb = await fromWorkspace('flambeau');
  if (backend === 'wasm') return { works: flambeauWorks.works(fb, fb.cpu) };
  const { webgpu } = await fromWorkspace('@flambeau/backend-webgpu');
  const device = await webgpu();
  console.log(`adapter: ${device.info.description || device.info.vendor}${device.info.software ? ', computed by the CPU' : ''}`);
  return { works: flambeauWorks.works(fb, device), counters: () => device.counters };
}

async function jaxJs(backend) {
  const jax = await import('@jax-js/jax');
  await jax.init(backend);
  jax.defaultDevice(backend);
  return { works: jaxWorks.works(jax) };
}

async function tensorflow(backend) {
  const tf = await import('@tensorflow/tfjs');
  if (backend !== 'cpu') await import(`@tensorflow/tfjs-backend-${backend}`);
  // It has one backend at a time, for all.
  const choose = async () => {
    await tf.setBackend(backend);
    await tf.ready();
  };
  await choose();
  const onBackend = (setup) => async () => {
    await choose();
    const run = await setup();
    return async () => {
      if (tf.getBackend() !== backend) await choose();
      await run();
    };
  };
  return { works: Object.fromEntries(Object.entries(tensorflowWorks.works(tf)).map(([work, setup]) => [work, onBackend(setup)])) };
}

/** All three take what a browser has: navigator.gpu, which is Dawn's here, and must be held for the life of the process. */
async function provideGpu() {
  const { create, globals } = await fromWorkspace('webgpu');
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', {
    value: { ...globalThis.navigator, gpu: create([]), userAgent: 'Node' },
    configurable: true,
  });
}

/** What stands in the columns of a backend's table. TensorFlow.js has no gradient of convolution on WebAssembly, but in plain JavaScript. */
const openers = {
  wasm: {
    Flambeau: () => flambeau('wasm'),
    'jax-js': () => jaxJs('wasm'),
    'TensorFlow.js': () => tensorflow('wasm'),
    'TensorFlow.js, plain JavaScript': () => tensorflow('cpu'),
  },
  webgpu: { Flambeau: () => flambeau('webgpu'), 'jax-js': () => jaxJs('webgpu'), 'TensorFlow.js': () => tensorflow('webgpu') },
};

/** The names of the backends. */
export const backends = Object.keys(openers);

/** The libraries that open on a backend, by name; those that do not say why. */
export async function openLibraries(backend) {
  if (backend === 'webgpu') await provideGpu();
  const libraries = {};
  for (const [name, open] of Object.entries(openers[backend])) {
    try {
      libraries[name] = await open();
    } catch (error) {
      console.log(`${name} does not open ${backend}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  }
  return libraries;
}
