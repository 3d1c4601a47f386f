// The thread that trains, so that the page stays alive while the CPU computes.
import { FlambeauError } from '@flambeau/core';
import { loadDevice, Session } from '@flambeau/app-harness';
import { apps } from './apps.ts';
import type { FromTrainer, ToTrainer } from './messages.ts';
import { PageView } from './view.ts';

const post = (message: FromTrainer): void => globalThis.postMessage(message);
const view = new PageView(post);

async function train({ app: name, device: wanted, mnistRoot, options }: ToTrainer & { kind: 'train' }): Promise<void> {
  const app = apps.find((known) => known.name === name);
  if (app === undefined) throw new Error(`no app is called ${name}`);
  const device = await loadDevice(wanted);
  const session = new Session(name, options, device, {
    mnistRoot,
    log: (text) => post({ kind: 'log', text }),
    start: (run) => {
      view.begin(run);
      return Promise.resolve(view);
    },
  });
  await app.train(session);
}

function described(error: unknown): string {
  if (error instanceof FlambeauError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

globalThis.onmessage = ({ data }: MessageEvent<ToTrainer>): void => {
  switch (data.kind) {
    case 'stop':
      view.stop();
      break;
    case 'resume':
      view.resume();
      break;
    case 'train':
      // What a thread that is done holds, digits and a GPU, goes with it.
      void train(data)
        .catch((error: unknown) => post({ kind: 'failed', message: described(error) }))
        .finally(() => globalThis.close());
      break;
    default:
      data satisfies never;
  }
};
