import { rand, setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { Dataset, getWorkerInfo, IterableDataset, type WorkerSource } from '@flambeau/data';

// A module of its own, which Web Workers load by its address.
setDefaultDevice(reference);

export type Trap = 'none' | 'throw' | 'die' | 'stall';

/** Sample i is the pair ([i, i²], i); the sixth misbehaves when it is told to. */
export class Squares extends Dataset<[Tensor, number]> {
  readonly length: number;
  private readonly trap: Trap;

  constructor(length: number, trap: Trap = 'none') {
    super();
    this.length = length;
    this.trap = trap;
  }

  get(index: number): [Tensor, number] {
    if (index === 5 && this.trap === 'throw') throw new TypeError('sample five is broken');
    // A worker that closes itself is gone without a word.
    if (index === 5 && this.trap === 'die') close();
    if (index === 5 && this.trap === 'stall') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return [tensor([index, index * index]), index];
  }

  override workerSource(): WorkerSource {
    return { module: import.meta.url, name: 'Squares', args: [this.length, this.trap] };
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

/** The numbers below nine, shared out among the workers. */
export class Counting extends IterableDataset<number> {
  *[Symbol.iterator](): Iterator<number> {
    const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
    for (let i = id; i < 9; i += numWorkers) yield i;
  }

  override workerSource(): WorkerSource {
    return { module: import.meta.url, name: 'Counting', args: [] };
  }
}
