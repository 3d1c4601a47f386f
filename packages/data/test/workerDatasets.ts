import { parentPort } from 'node:worker_threads';
import { rand, setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { Dataset, defaultCollate, getWorkerInfo, IterableDataset, StreamDataset, type WorkerSource } from '@flambeau/data';

// Datasets that workers of the tests make anew. Each worker loads this module, and with it its device.
setDefaultDevice(reference);

/** Sample i is the pair ([i, i²], i); some indices misbehave. */
export class Squares extends Dataset<[Tensor, number]> {
  readonly length: number;
  private readonly trap: 'none' | 'throw' | 'exit' | 'stall';

  constructor(length: number, trap: 'none' | 'throw' | 'exit' | 'stall' = 'none') {
    super();
    this.length = length;
    this.trap = trap;
  }

  get(index: number): [Tensor, number] {
    if (index === 5 && this.trap === 'throw') throw new TypeError('sample five is broken');
    if (index === 5 && this.trap === 'exit') process.exit(3);
    if (index === 5 && this.trap === 'stall') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return [tensor([index, index * index]), index];
  }

  override workerSource(): WorkerSource {
    return { module: import.meta.url, name: 'Squares', args: [this.length, this.trap] };
  }
}

/** The same, made in whole batches. */
export class Together extends Squares {
  override getBatch(indices: readonly number[]): unknown {
    return defaultCollate(indices.map((index) => this.get(index)));
  }

  override workerSource(): WorkerSource {
    return { ...super.workerSource(), name: 'Together' };
  }
}

/** Every sample is a random number of the worker that makes it. */
export class Noise extends Dataset<Tensor> {
  readonly length = 4;

  get(): Tensor {
    return rand(1);
  }

  override workerSource(): WorkerSource {
    return { module: import.meta.url, name: 'Noise', args: [] };
  }
}

/** The numbers below a length, shared out among the workers, or given whole by each; noted with the worker that gives them. */
export class Counting extends IterableDataset<[number, number]> {
  private readonly length: number;
  private readonly shared: boolean;

  constructor(length: number, shared = true) {
    super();
    this.length = length;
    this.shared = shared;
  }

  *[Symbol.iterator](): Iterator<[number, number]> {
    const info = getWorkerInfo();
    if (info !== undefined && info.dataset !== this) throw new Error('the dataset of the worker is another one');
    const { id, numWorkers } = this.shared && info !== undefined ? info : { id: 0, numWorkers: 1 };
    for (let i = id; i < this.length; i += numWorkers) yield [i, info?.id ?? -1];
  }

  override workerSource(): WorkerSource {
    return { module: import.meta.url, name: 'Counting', args: [this.length, this.shared] };
  }
}

/** A stream that the workers share: each gives the numbers that are its own. */
export class Ticker extends StreamDataset<number> {
  constructor(length: number) {
    super(async function* () {
      const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
      for (let i = id; i < length; i += numWorkers) {
        await Promise.resolve();
        yield i;
      }
    });
    this.workerSource = () => ({ module: import.meta.url, name: 'Ticker', args: [length] });
  }
}

/** Sample i is [buffers that have left this worker by now, the bytes that they held, the bytes that were left of them]. */
export class Leaving extends Dataset<Tensor> {
  readonly length = 4;
  private readonly told = [0, 0, 0];

  constructor() {
    super();
    const port = parentPort;
    if (port === null) return;
    const post = port.postMessage.bind(port);
    port.postMessage = (message, transfer) => {
      const buffers = (transfer ?? []) as ArrayBuffer[];
      this.told[0] += buffers.length;
      for (const buffer of buffers) this.told[1] += buffer.byteLength;
      post(message, transfer);
      for (const buffer of buffers) this.told[2] += buffer.byteLength;
    };
  }

  get(): Tensor {
    return tensor(this.told);
  }

  override workerSource(): WorkerSource {
    return { module: import.meta.url, name: 'Leaving', args: [] };
  }
}

/** Collates to the sum of the labels. */
export const sumLabels = (samples: readonly (readonly [Tensor, number])[]): Tensor =>
  tensor(samples.reduce((sum, [, label]) => sum + label, 0));

/** Notes the worker in the process of the worker. */
export function noteWorker(id: number, count: number): void {
  if (!(id < count)) throw new Error(`worker ${id} of ${count}`);
}
