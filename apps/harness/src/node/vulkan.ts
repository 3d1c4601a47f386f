import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';

// Where Dawn needs Vulkan (Linux) and a machine has no driver, Debian's chromium brings a software adapter and a loader.
const chromium = '/usr/lib/chromium';
export const softwareAdapter = `${chromium}/vk_swiftshader_icd.json`;
const loaders = ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1', '/usr/lib/aarch64-linux-gnu/libvulkan.so.1', '/usr/lib64/libvulkan.so.1'];
const drivers = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];

/** Loads a shared library, so that Dawn finds it by its name. */
function preload(file: string): void {
  // RTLD_NODELETE: Node closes what registers no addon.
  const keepLoaded = 0x1000;
  try {
    process.dlopen({ exports: {} }, file, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | keepLoaded);
  } catch {
    // It registers no addon, which is all that Node misses.
  }
}

/** Makes Vulkan to be had before a GPU is opened; says so when only software draws. */
export function findVulkan(): void {
  if (process.platform !== 'linux') return;
  const driver = process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES;
  if (driver === undefined && !drivers.some((folder) => existsSync(folder) && readdirSync(folder).length > 0)) {
    if (!existsSync(softwareAdapter)) return;
    process.env.VK_ICD_FILENAMES = softwareAdapter;
    console.log("webgpu: no Vulkan driver is installed; Chromium's software adapter takes its place");
  }
  if (!loaders.some((file) => existsSync(file)) && existsSync(`${chromium}/libvulkan.so.1`)) preload(`${chromium}/libvulkan.so.1`);
}
