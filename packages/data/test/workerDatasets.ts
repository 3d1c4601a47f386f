import { rand, setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { Dataset, defaultCollate, type WorkerSource } from '@flambeau/data';

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

/** Collates to the sum of the labels. */
export const sumLabels = (samples: readonly (readonly [Tensor, number])[]): Tensor =>
  tensor(samples.reduce((sum, [, label]) => sum + label, 0));

/** Notes the worker in the process of the worker. */
export function noteWorker(id: number, count: number): void {
  if (!(id < count)) throw new Error(`worker ${id} of ${count}`);
}
