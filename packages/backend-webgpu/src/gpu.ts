import { DeviceError, NotSupportedError } from '@flambeau/core';

/** Which adapter is asked for. */
export interface WebGpuOptions {
  /** `high-performance` (the default) or `low-power`. */
  readonly powerPreference?: 'high-performance' | 'low-power';
  /** GPU bytes that tensors may take in all; an allocation beyond them throws. Unlimited when not given. */
  readonly maxBytes?: number;
}

// Dawn must live as long as the process: collected, it takes Node down with it.
let dawn: GPU | undefined;

/** The entry of WebGPU: the browser's own, or Dawn from the npm package `webgpu`. */
async function findGpu(): Promise<GPU> {
  const browser = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (browser !== undefined) return browser;
  if (dawn !== undefined) return dawn;
  if ((globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node === undefined) {
    throw new NotSupportedError({
      op: 'webgpu',
      expected: 'a browser with WebGPU',
      received: 'one without navigator.gpu',
      hint: 'Use a newer browser, serve the page from https or localhost, or use @flambeau/backend-cpu.',
    });
  }
  try {
    // A name in a variable keeps bundlers for browsers from following it.
    const name: string = 'webgpu';
    const module = (await import(/* @vite-ignore */ name)) as { create(options: string[]): GPU };
    dawn = module.create([]);
    return dawn;
  } catch (cause) {
    throw new NotSupportedError({
      op: 'webgpu',
      expected: 'the npm package webgpu in Node',
      received: 'one that does not load',
      hint: 'Install it: npm install webgpu.',
      cause,
    });
  }
}

/** What an adapter gave. */
export interface OpenedGpu {
  readonly device: GPUDevice;
  readonly description: string;
}

/**
 * Opens a GPU with all that its adapter allows.
 * @throws NotSupportedError without WebGPU, DeviceError without an adapter or when it gives no device.
 */
export async function openGpu(options: WebGpuOptions): Promise<OpenedGpu> {
  const gpu = await findGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: options.powerPreference ?? 'high-performance' });
  if (adapter === null) {
    throw new DeviceError({
      op: 'webgpu',
      expected: 'a GPU adapter',
      received: 'none',
      hint: 'Check the graphics driver (on Linux a Vulkan one), or use @flambeau/backend-cpu.',
    });
  }
  const { limits, info } = adapter;
  const requiredLimits: Record<string, number> = {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
  };
  try {
    const device = await adapter.requestDevice({ requiredLimits });
    return { device, description: [info.vendor, info.architecture, info.description].filter((part) => part !== '').join(' ') };
  } catch (cause) {
    throw new DeviceError({ op: 'webgpu', expected: 'a device of the adapter', received: 'a refusal', cause });
  }
}
