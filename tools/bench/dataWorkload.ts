import { gunzipSync, gzipSync } from 'node:zlib';
import { arange, tensor, type Tensor } from '@flambeau/core';
import { Dataset, type WorkerSource } from '@flambeau/data';

/** Rows that lie in memory: the least work that a sample can be. Workers of the benchmark make it anew. */
export class Rows extends Dataset<Tensor[]> {
  readonly length: number;
  private readonly rows: Tensor;

  constructor(length: number) {
    super();
    this.length = length;
    this.rows = arange(length * 784).reshape([length, 784]);
  }

  get(index: number): Tensor[] {
    return [this.rows.select(0, index)];
  }

  override getBatch(indices: readonly number[]): Tensor[] {
    return [this.rows.indexSelect(0, this.rows.newInt32(Int32Array.from(indices)))];
  }

  override workerSource(): WorkerSource {
    return { module: import.meta.url, name: 'Rows', args: [this.length] };
  }
}

/** Records that are unpacked where they are asked for: some 300,000 packed bytes each, so that a sample takes milliseconds of one thread. */
export class Records extends Dataset<Tensor> {
  readonly length: number;
  private readonly packed: Uint8Array;

  constructor(length: number) {
    super();
    this.length = length;
    this.packed = gzipSync(Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * i * 7 + (i >> 5)) % 251));
  }

  get(index: number): Tensor {
    const bytes = gunzipSync(this.packed);
    return tensor(bytes.subarray(index, index + 1000));
  }

  override workerSource(): WorkerSource {
    return { module: import.meta.url, name: 'Records', args: [this.length] };
  }
}
