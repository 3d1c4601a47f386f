import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';

/** Where Debian's chromium keeps a software adapter, and a loader for machines without libvulkan. */
const chromium = '/usr/lib/chromium';
export const softwareAdapter = `${chromium}/vk_swiftshader_icd.json`;
const drivers = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];

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

/** Lets Dawn find an adapter before a GPU is opened, also where no Vulkan driver is installed but Chromium is. */
export function findVulkan(): void {
  const driver = process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES;
  const installed = drivers.some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
  if (driver === undefined && !installed && existsSync(softwareAdapter)) process.env.VK_ICD_FILENAMES = softwareAdapter;
  preload(`${chromium}/libvulkan.so.1`);
}
