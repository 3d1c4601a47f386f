import { bytesOf, internalScope, keep, zeros, type Device, type DType, type Tensor } from '@flambeau/core';
import { noGrad, peekGrad } from '@flambeau/autograd';
import type { Parameter } from '@flambeau/nn';
import { allReduce } from './collectives.ts';
import type { ProcessGroup } from './group.ts';
import type { Work } from './work.ts';

/** The gradients of some parameters, averaged as one tensor. */
export class Bucket {
  readonly parameters: readonly Parameter[];
  /** The gradients behind each other, and then one flag for each: whether there was a gradient. */
  private readonly flat: Tensor;
  private readonly offsets: readonly number[];
  private readonly total: number;
  private readonly arrived = new Set<Parameter>();
  private work: Work<Tensor> | undefined;

  constructor(parameters: readonly Parameter[], dtype: DType, device: Device) {
    this.parameters = parameters;
    let total = 0;
    this.offsets = parameters.map((parameter) => {
      const offset = total;
      total += parameter.count;
      return offset;
    });
    this.total = total;
    this.flat = keep(zeros(total + parameters.length, { dtype, device }));
  }

  /** Notes that a parameter has its gradient. @returns true when all have */
  arrive(parameter: Parameter): boolean {
    this.arrived.add(parameter);
    return this.arrived.size === this.parameters.length;
  }

  /** True when all parameters have their gradients. */
  get complete(): boolean {
    return this.arrived.size === this.parameters.length;
  }

  get launched(): boolean {
    return this.work !== undefined;
  }

  private slice(i: number): Tensor {
    return this.flat.narrow(0, this.offsets[i], this.parameters[i].count);
  }

  /** Begins to average; a parameter without a gradient counts as one of zeros. */
  launch(group: ProcessGroup): void {
    noGrad(() =>
      internalScope(() => {
        const flags = this.parameters.map((parameter, i) => {
          const gradient = peekGrad(parameter);
          const slice = this.slice(i);
          if (gradient === undefined) slice.zero_();
          else slice.copy_(gradient.detach().reshape([-1]));
          return gradient === undefined ? 0 : 1;
        });
        this.flat.narrow(0, this.total, flags.length).copy_(this.flat.newTensor(flags));
        return [];
      }),
    );
    this.work = allReduce(this.flat, { op: 'mean', group });
  }

  /** Waits for the average, and gives it to the parameters. */
  finish(): void {
    this.work?.waitSync();
    this.unpack(this.flat.narrow(0, this.total, this.parameters.length).toArraySync() as number[]);
  }

  async finishAsync(): Promise<void> {
    await this.work;
    this.unpack((await this.flat.narrow(0, this.total, this.parameters.length).toArray()) as number[]);
  }

  private unpack(flags: readonly number[]): void {
    noGrad(() =>
      this.parameters.forEach((parameter, i) => {
        // Where no rank had a gradient, there is none; where some had, all have the average.
        if (flags[i] === 0) return;
        const average = this.slice(i).view(parameter.shape);
        const gradient = peekGrad(parameter);
        if (gradient === undefined) parameter.grad = average.clone();
        else gradient.detach().copy_(average);
      }),
    );
    this.reset();
  }

  /** Forgets what has arrived. */
  reset(): void {
    this.arrived.clear();
    this.work = undefined;
  }
}

const mebibyte = 2 ** 20;
/** The first bucket is small, so that the first average begins early. */
const firstBytes = mebibyte;

/**
 * Buckets of at most `capMiB`, in the reverse order of the parameters, which is about that in which backward reaches them; one dtype and
 * device in each.
 */
export function makeBuckets(parameters: readonly Parameter[], capMiB: number): Bucket[] {
  const buckets: Bucket[] = [];
  let open: Parameter[] = [];
  let bytes = 0;
  const close = (): void => {
    if (open.length > 0) buckets.push(new Bucket(open, open[0].dtype, open[0].device));
    open = [];
    bytes = 0;
  };
  for (const parameter of parameters.toReversed()) {
    const size = parameter.count * bytesOf(parameter.dtype);
    const cap = buckets.length === 0 ? Math.min(firstBytes, capMiB * mebibyte) : capMiB * mebibyte;
    const other = open.length > 0 && (open[0].dtype !== parameter.dtype || open[0].device !== parameter.device);
    if (other || (open.length > 0 && bytes + size > cap)) close();
    open.push(parameter);
    bytes += size;
  }
  close();
  return buckets;
}
