import { existsSync } from 'node:fs';
import { NoAdapterError, webgpu, type WebGpuDevice, type WebGpuOptions } from '@flambeau/backend-webgpu';
import { findVulkan, softwareAdapter } from '../../../../apps/harness/src/node/vulkan.ts';

// The same adapter on every machine that has Chromium.
if (process.env.VK_ICD_FILENAMES === undefined && existsSync(softwareAdapter)) process.env.VK_ICD_FILENAMES = softwareAdapter;

/** A device, or undefined on a machine without an adapter: where everything must be tested, that is a failure. */
export async function open(options: WebGpuOptions = {}): Promise<WebGpuDevice | undefined> {
  findVulkan();
  try {
    return await webgpu(options);
  } catch (error) {
    if (process.env.FLAMBEAU_CI === '1' || !(error instanceof NoAdapterError)) throw error;
    return undefined;
  }
}
