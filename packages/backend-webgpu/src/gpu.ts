import { DeviceError, NotSupportedError } from '@flambeau/core';
import { NoAdapterError } from './errors.ts';

/** Which adapter is asked for. */
export interface WebGpuOptions {
  /** `high-performance` (the default) or `low-power`. */
  readonly powerPreference?: 'high-performance' | 'low-power';
  /** GPU bytes that tensors may take in all, 4 GiB by default; an allocation beyond them throws and names the largest tensors. */
  readonly maxBytes?: number;
  /** GPU bytes beyond which tensors that were not used lately are moved to the host at the next await, and come back when used; 256 MiB by default. */
  readonly softBytes?: number;
  /**
   * Where `rand`, `randn` and dropout get their numbers: from a generator on the GPU (`device`, the default), reproducible from `manualSeed`, or from
   * PyTorch's own stream, made on the host and uploaded (`host`). Initialization is PyTorch's in either case.
   */
  readonly random?: 'device' | 'host';
  /** Uses less than what the adapter allows. */
  readonly limits?: Partial<Readonly<Record<LimitName, number>>>;
  /** False leaves the adapter's clock alone, so that `profile` tells the times of asking only; true, the default, uses it where there is one. */
  readonly timestamps?: boolean;
  /** False computes float16 by way of float32 tensors even where shaders know it; true, the default, uses it where they do. */
  readonly float16?: boolean;
  /** How products and rows are computed: by workgroups that share memory, as suits real GPUs, or by single threads, as suits software adapters. */
  readonly kernels?: 'workgroups' | 'threads';
  /** The entry of WebGPU to use in place of `navigator.gpu` or Dawn. */
  readonly gpu?: Pick<GPU, 'requestAdapter'>;
}

// An entry must live as long as the process: Dawn's, collected, takes Node down with it, also where a caller made it.
const entries = new Set<Pick<GPU, 'requestAdapter'>>();
let dawn: GPU | undefined;

/** What a failure says, in one line. */
const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).split('\n')[0];

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
    // Dawn rounds timestamps to 100 µs, as browsers do so that pages learn little; a program of one's own may know them.
    dawn = module.create(['disable-dawn-features=timestamp_quantization']);
    return dawn;
  } catch (cause) {
    const absent = (cause as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    throw new NotSupportedError({
      op: 'webgpu',
      expected: 'the npm package webgpu in Node',
      received: absent ? 'none' : `one that does not load: ${reasonOf(cause)}`,
      hint: absent ? 'Install it: npm install webgpu.' : 'Install what it misses, or the package once more: npm install webgpu.',
      cause,
    });
  }
}

/** What an adapter says of itself and allows. */
export interface GpuInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** True for adapters that run on the CPU. */
  readonly software: boolean;
  /** True where shaders compute in 16 bits. */
  readonly float16: boolean;
  /** True where the GPU tells how long commands take. */
  readonly timestamps: boolean;
  readonly limits: Readonly<Record<LimitName, number>>;
}

/** The limits of an adapter that matter to tensors. */
export type LimitName =
  | 'maxBufferSize'
  | 'maxStorageBufferBindingSize'
  | 'maxStorageBuffersPerShaderStage'
  | 'maxComputeWorkgroupsPerDimension';
export const limitNames: readonly LimitName[] = ['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage', 'maxComputeWorkgroupsPerDimension']; // prettier-ignore

/** What an adapter gave. */
export interface OpenedGpu {
  readonly device: GPUDevice;
  readonly info: GpuInfo;
}

/**
 * Opens a GPU with all that its adapter allows.
 * @throws NotSupportedError without WebGPU, NoAdapterError without an adapter, DeviceError when it gives no device.
 */
export async function openGpu(options: WebGpuOptions): Promise<OpenedGpu> {
  const gpu = options.gpu ?? (await findGpu());
  entries.add(gpu);
  const { powerPreference = 'high-performance' } = options;
  const noAdapter = (received: string, cause?: unknown): NoAdapterError =>
    new NoAdapterError({
      op: 'webgpu',
      expected: 'a GPU adapter',
      received,
      hint: 'Check the graphics driver (on Linux a Vulkan one), or use @flambeau/backend-cpu.',
      ...(cause !== undefined && { cause }),
    });
  let adapter: GPUAdapter | null | undefined;
  try {
    adapter = await gpu.requestAdapter({ powerPreference });
  } catch (cause) {
    throw noAdapter(`none: ${reasonOf(cause)}`, cause);
  }
  // Whoever gives an entry of their own may give undefined too.
  if (adapter === null || adapter === undefined) throw noAdapter('none');
  const wanted: GPUFeatureName[] = [];
  if (options.float16 !== false) wanted.push('shader-f16');
  if (options.timestamps !== false) wanted.push('timestamp-query');
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredLimits: Object.fromEntries(limitNames.map((name) => [name, adapter.limits[name]])),
      requiredFeatures: wanted.filter((name) => adapter.features.has(name)),
    });
  } catch (cause) {
    throw new DeviceError({ op: 'webgpu', expected: 'a device of the adapter', received: `a refusal: ${reasonOf(cause)}`, hint: 'Close other programs that use the GPU, or update its driver.', cause }); // prettier-ignore
  }
  const { info } = adapter;
  const limits = Object.fromEntries(limitNames.map((name) => [name, Math.min(device.limits[name], options.limits?.[name] ?? Infinity)])); // prettier-ignore
  return {
    device,
    info: {
      vendor: info.vendor,
      architecture: info.architecture,
      description: info.description,
      software: /swiftshader|llvmpipe|lavapipe|software|warp/i.test(
        `${info.vendor} ${info.architecture} ${info.device} ${info.description}`,
      ),
      float16: device.features.has('shader-f16'),
      timestamps: device.features.has('timestamp-query'),
      limits: limits as Record<LimitName, number>,
    },
  };
}
