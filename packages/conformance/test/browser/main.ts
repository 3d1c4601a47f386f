import type { Device } from '@flambeau/core';
import '@flambeau/autograd';
import { createCpuDevice } from '@flambeau/backend-cpu';
import { reference } from '@flambeau/backend-reference';
import { webgpu } from '@flambeau/backend-webgpu';
import * as optim from '@flambeau/optim';
import type { Sample } from '../../src/laws/inputs.ts';
import * as laws from '../../src/laws/laws.ts';
import { samples } from '../../src/laws/samples.ts';

// The laws as a page checks them; the test calls this.

/** Some samples find their ops by name, which a bundler does not see. */
export const optimizers: readonly string[] = Object.keys(optim);

type Law = (sample: Sample, device: Device) => Promise<string | undefined>;

/** The laws of float32, which every device computes in, and the samples that each is about. */
const checks: Readonly<Record<string, readonly [law: Law, about: (sample: Sample) => boolean]>> = {
  stridesDoNotMatter: [laws.stridesDoNotMatter, ({ strided }) => strided],
  expandedIsCopied: [laws.expandedIsCopied, ({ strided }) => strided],
  savedChangesAreCaught: [laws.savedChangesAreCaught, ({ smooth }) => smooth],
  kernelIsComposition: [laws.kernelIsComposition, () => true],
  deviceIsReference: [(sample, device) => laws.deviceIsReference(sample, device, reference), () => true],
};

const devices: Readonly<Record<string, () => Promise<Device>>> = {
  wasm: () => Promise.resolve(createCpuDevice().device),
  webgpu: () => webgpu(),
};
const opened = new Map<string, Device>();

/** What a law came to over all ops, or over every `stride`-th. */
export interface LawReport {
  /** Samples that were checked. */
  readonly checked: number;
  /** Ops with samples that read values without waiting, or are of a dtype that the device does not store: no law is about them there. */
  readonly refused: readonly string[];
  readonly broken: readonly string[];
}

/** Checks a law on a device in this page. */
export async function check(name: string, deviceName: string, stride: number): Promise<LawReport> {
  const open = async (): Promise<Device> => {
    const device = opened.get(deviceName) ?? (await devices[deviceName]());
    opened.set(deviceName, device);
    return device;
  };
  const [law, about] = checks[name];
  const refused = new Set<string>();
  const broken: string[] = [];
  let checked = 0;
  const table = Object.entries(samples).filter((_, i) => i % stride === 0);
  for (const [op, of] of table) {
    for (const [i, sample] of of.filter(about).entries()) {
      checked++;
      const at = `${op}, sample ${i} ${sample.inputs.map(({ shape }) => `[${shape.join()}]`).join(' ')}`;
      try {
        const text = await law(sample, await open());
        if (text !== undefined) broken.push(`${at}: ${text}`);
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        if (code === 'ASYNC_ONLY' || (code === 'DTYPE' && /float64|int64/.test(message))) refused.add(op);
        else broken.push(`${at}: threw ${message}`);
        // A GPU keeps what it fails with; the next sample gets a new one.
        if (!['ASYNC_ONLY', 'DTYPE', 'VALUE', 'INDEX'].includes(code ?? '')) opened.delete(deviceName);
      }
    }
  }
  return { checked, refused: [...refused], broken };
}
