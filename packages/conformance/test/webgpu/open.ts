import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { NoAdapterError, webgpu, type WebGpuDevice, type WebGpuOptions } from '@flambeau/backend-webgpu';

// Chromium brings a software adapter, and its own loader for machines without libvulkan.
const folder = '/usr/lib/chromium';
if (process.env.VK_ICD_FILENAMES === undefined && existsSync(`${folder}/vk_swiftshader_icd.json`))
  process.env.VK_ICD_FILENAMES = `${folder}/vk_swiftshader_icd.json`;

/** Loads a shared library so that Dawn finds it by its name; RTLD_NODELETE keeps it although it is no addon of Node. */
function preload(file: string): void {
  if (!existsSync(file)) return;
  const keepLoaded = 0x1000;
  try {
    process.dlopen({ exports: {} }, file, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | keepLoaded);
  } catch {
    // It registers no addon, which is all that Node misses.
  }
}

/** A device, or undefined on a machine without an adapter: where everything must be tested, that is a failure. */
export async function open(options: WebGpuOptions = {}): Promise<WebGpuDevice | undefined> {
  preload(`${folder}/libvulkan.so.1`);
  try {
    return await webgpu(options);
  } catch (error) {
    if (process.env.FLAMBEAU_CI === '1' || !(error instanceof NoAdapterError)) throw error;
    return undefined;
  }
}
