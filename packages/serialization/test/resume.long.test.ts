import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { epochs, stepsPerEpoch } from './resume/run.ts';
import { scratchFile } from './helpers.ts';

const total = epochs * stepsPerEpoch;

/** Every device, with the format that its run is saved in. */
const devices = [
  ['reference', 'pt'],
  ['cpu', 'safetensors'],
  ['cpu:wasm', 'pt'],
  ['webgpu', 'safetensors'],
] as const;

// A machine without a GPU takes Chromium's software adapter and its Vulkan loader, where nothing else was chosen.
const chromium = '/usr/lib/chromium';
const gpuEnvironment = existsSync(chromium)
  ? { VK_ICD_FILENAMES: process.env['VK_ICD_FILENAMES'] ?? `${chromium}/vk_swiftshader_icd.json`, LD_LIBRARY_PATH: [process.env['LD_LIBRARY_PATH'], chromium].filter(Boolean).join(':') }
  : {}; // prettier-ignore

const script = fileURLToPath(new URL('./resume/child.ts', import.meta.url));
const nodeArguments = ['--import', 'tsx', '--conditions=flambeau-source', script];
const lacks = (device: string): boolean =>
  device === 'webgpu' &&
  process.env['FLAMBEAU_CI'] !== '1' &&
  spawnSync(process.execPath, [...nodeArguments, device, '', 'probe'], { env: { ...process.env, ...gpuEnvironment } }).status !== 0;

interface Ended {
  readonly killed: boolean;
  readonly steps: number;
  /** The device that the run says it computes on, and the engine of the CPU. */
  readonly engine: string | undefined;
  readonly losses: number[] | undefined;
}

/** Runs the training in a process of its own; `killAfter` steps kill it without warning. */
function train(device: string, file: string, seed: number, mode: 'fresh' | 'resume', killAfter = Infinity): Promise<Ended> {
  const [name, engine] = device.split(':');
  const child = spawn(process.execPath, [...nodeArguments, name, file, String(seed), mode], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(name === 'webgpu' && gpuEnvironment), ...(engine !== undefined && { FLAMBEAU_CPU: engine }) },
  });
  return new Promise((resolve, reject) => {
    let [text, errors, steps] = ['', '', 0];
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      steps = text.match(/^step/gm)?.length ?? 0;
      if (steps >= killAfter) child.kill('SIGKILL');
    });
    child.on('close', (code, signal) => {
      const found = /^losses (.*)$/m.exec(text);
      if (signal === null && code !== 0) reject(new Error(`the run on ${device} failed: ${errors}`));
      else
        resolve({
          killed: signal === 'SIGKILL',
          steps,
          engine: /^engine (.*)$/m.exec(text)?.[1],
          losses: found === null ? undefined : (JSON.parse(found[1]) as number[]),
        });
    });
  });
}

describe('a run that is killed', () => {
  for (const [device, format] of devices)
    it.skipIf(lacks(device))(
      `goes on as if nothing had happened on ${device}, from ${format}`,
      async () => {
        const name = device.replace(':', '-');
        const whole = await train(device, scratchFile(`${name}-whole.${format}`), 1, 'fresh');
        expect(whole.losses).toHaveLength(total);
        const file = scratchFile(`${name}-killed.${format}`);
        // Late enough to have saved, and early enough that the run cannot be over before the signal comes.
        const step = 1 + Math.floor(Math.random() * (total - 6));
        const first = await train(device, file, 1, 'fresh', step);
        expect([first.killed, first.losses], `killed after step ${step}`).toEqual([true, undefined]);
        expect(existsSync(file)).toBe(true);
        const second = await train(device, file, 77, 'resume');
        expect(second.losses, `killed after step ${step}`).toEqual(whole.losses);
        // Each ran on the device, and on the engine of it, that it was to run on.
        for (const run of [whole, first, second]) expect(run.engine).toBe(device === 'cpu' ? 'cpu:native' : device);
      },
      300_000,
    );
});
