import { FlambeauError } from '@flambeau/core';
import type { App } from '../app.ts';
import { loadDevice } from '../device.ts';
import { Session } from '../session.ts';
import { mnistRoot } from './mnist.ts';
import { parseOptions } from './options.ts';
import type { RunStart, RunView } from '../platform.ts';
import { TerminalView } from './view.ts';
import { findVulkan } from './vulkan.ts';

/** How the other processes of a team run: the first one shows and saves for all. */
const silent: RunView = {
  progress: () => undefined,
  chart: () => undefined,
  turn: () => Promise.resolve(true),
  finish: () => Promise.resolve(),
};

/**
 * Runs an app with the options of the command line. A Flambeau error is told in its one sentence, without a stack; anything else is a bug
 * and keeps its stack.
 */
export async function runApp(app: App): Promise<void> {
  // Who read the output may leave (`| head`); a run ends then as by Ctrl-C.
  process.stdout.on('error', () => undefined);
  let view: TerminalView | undefined;
  try {
    const options = parseOptions(app);
    if (options.device === 'webgpu') findVulkan();
    const device = await loadDevice(options.device);
    // MPI is loaded only when it is asked for.
    const team = options.distributed ? (await import('./team.ts')).mpiTeam() : undefined;
    const shows = team === undefined || team.rank === 0;
    const platform = {
      mnistRoot: mnistRoot(),
      log: (text: string) => (shows ? console.log(text) : undefined),
      start: async (run: RunStart) => (shows ? (view = await TerminalView.start(run, options)) : silent),
    };
    await app.train(new Session(app.name, options, device, platform, team));
  } catch (error) {
    await view?.fail();
    if (!(error instanceof FlambeauError)) throw error;
    console.error(`error ${error.code}: ${error.message}`);
    process.exitCode = 1;
  }
}
