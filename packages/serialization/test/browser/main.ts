import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { cpu, cpuInfo } from '@flambeau/backend-cpu';
import * as nn from '@flambeau/nn';
import { load, save, toBytes } from '@flambeau/serialization';

// What the test calls in the page.
setDefaultDevice(cpu);

/** Shapes and first values of the tensors of a file at an address, read in the way that is asked for. */
export async function read(address: string, how: 'url' | 'bytes' | 'blob' | 'stream'): Promise<Record<string, unknown>> {
  const response = how === 'url' ? undefined : await fetch(address);
  const input =
    response === undefined
      ? address
      : how === 'bytes'
        ? await response.arrayBuffer()
        : how === 'blob'
          ? await response.blob()
          : (response.body ?? new Uint8Array());
  const state = await load<Map<string, Tensor>>(input, { format: 'pt' });
  const out: Record<string, unknown> = {};
  for (const [name, x] of state) out[name] = { shape: x.shape, values: Array.from(((await x.data()) as Float32Array).subarray(0, 8)) };
  return out;
}

/** Loads a state dict into a net and runs it: the engine and the sum of the output for an input of ones. */
export async function run(address: string): Promise<{ engine: string; outputs: number }> {
  class CNN extends nn.Module {
    conv1 = new nn.Sequential(new nn.Conv2d(1, 16, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
    conv2 = new nn.Sequential(new nn.Conv2d(16, 32, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
    out = new nn.Linear(32 * 7 * 7, 10);

    forward(x: Tensor): Tensor {
      const features = this.conv2.forward(this.conv1.forward(x));
      return this.out.forward(features.view(features.size(0), -1));
    }
  }
  const net = new CNN();
  net.loadStateDict(await load<Map<string, Tensor>>(address));
  const y = net.forward(tensor(new Float32Array(784).fill(1)).view(1, 1, 28, 28));
  return { engine: cpuInfo().engine, outputs: await y.sum().item() };
}

/** The bytes of a saved state, in a format, through a stream and at once: both are to be the same. */
export async function write(format: 'pt' | 'safetensors'): Promise<{ streamed: number[]; whole: number[] }> {
  const state = new Map([['weight', tensor([1.5, -2, 3])]]);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const streamed = new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer();
  await save(state, writable, { format });
  return { streamed: [...new Uint8Array(await streamed)], whole: [...(await toBytes(state, { format }))] };
}
