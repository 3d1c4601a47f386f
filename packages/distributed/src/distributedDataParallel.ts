import { ArgumentError, checkFunction, describe, readCall, type Tensor } from '@flambeau/core';
import { isGradEnabled, queueBackwardCallback } from '@flambeau/autograd';
import { hasUninitializedParameters, Module, type Parameter } from '@flambeau/nn';
import { createHash } from 'node:crypto';
import { makeBuckets, type Bucket } from './bucket.ts';
import { broadcast } from './collectives.ts';
import { groupOf, type ProcessGroup } from './group.ts';
import { newGroup } from './init.ts';
import { checkSame } from './objects.ts';

/** Options of DistributedDataParallel. */
export interface DistributedDataParallelOptions {
  /** Who trains together; all processes by default. */
  processGroup?: ProcessGroup;
  /** Megabytes (of 2^20) that a bucket of gradients holds at most; 25 by default. The first holds at most one. */
  bucketCapMb?: number;
  /** Gives buffers, such as running statistics, the values of the first rank before each forward that trains; true by default. */
  broadcastBuffers?: boolean;
}

/**
 * A module that trains in several processes, each on its own part of every batch: parameters begin as those of the group's first rank, and
 * `backward` leaves the mean of all ranks' gradients. They are averaged in buckets while backward goes on; its end waits for the last, so that
 * `step()` is as ever. On a device that reads asynchronously, `await model.reduceGradients()` stands between backward and step.
 * A parameter that gets a gradient in some ranks only counts as zeros in the others; one that gets none anywhere keeps none.
 * @throws DistributedError when the parameters differ between ranks in name, shape or dtype
 * @see Li et al. 2020, PyTorch Distributed: Experiences on Accelerating Data Parallel Training
 * @example
 * const model = new DistributedDataParallel(new CNN());
 * loss.backward();
 * optimizer.step();
 */
export class DistributedDataParallel<M extends Module = Module> extends Module {
  readonly module: M;
  // Private fields, for a module's own fields are its children and state.
  readonly #group: ProcessGroup;
  readonly #buckets: Bucket[];
  readonly #bucketOf = new Map<Tensor, Bucket>();
  readonly #broadcastBuffers: boolean;
  readonly #synchronous: boolean;
  #synchronizing = true;
  /** True from the first gradient of a backward to its end. */
  #walking = false;
  /** Buckets are averaged in this order in every rank. */
  #next = 0;
  #unreduced = false;
  #begun: Promise<void> | undefined;

  constructor(module: M, options: DistributedDataParallelOptions = {}) {
    super();
    const op = 'DistributedDataParallel';
    if (!(module instanceof Module)) throw new ArgumentError({ op, expected: 'a module', received: describe(module) });
    const names = ['processGroup', 'bucketCapMb', 'broadcastBuffers'];
    const { processGroup, bucketCapMb = 25, broadcastBuffers = true } = readCall<DistributedDataParallelOptions>(op, [options], [], names);
    if (!(bucketCapMb > 0)) throw new ArgumentError({ op, expected: 'a positive bucketCapMb', received: describe(bucketCapMb) });
    if (hasUninitializedParameters(module))
      throw new ArgumentError({ op, expected: 'parameters that have a shape', received: 'a lazy module', hint: 'Run it once first.' });
    const group = groupOf(op, processGroup);
    this.module = module;
    this.#broadcastBuffers = broadcastBuffers;
    const learned = [...module.parameters()].filter((parameter) => parameter.requiresGrad);
    if (learned.length === 0)
      throw new ArgumentError({
        op,
        expected: 'a parameter that requires a gradient',
        received: 'none',
        hint: 'Such a module needs no wrapper.',
      });
    this.#synchronous = learned.every((parameter) => parameter.device.synchronous);
    // A communicator of its own keeps the buckets apart from what hooks and layers send during backward.
    this.#group = processGroup === undefined ? newGroup().waitSync() : group;
    this.#checkParameters(bucketCapMb);
    this.#buckets = makeBuckets(learned, bucketCapMb);
    for (const bucket of this.#buckets) for (const parameter of bucket.parameters) this.#watch(parameter, bucket);
    const state = [...module.parameters(), ...module.buffers()];
    const works = state.map((tensor) => broadcast(tensor, { src: group.ranks[0], group: this.#group }));
    if (this.#synchronous) for (const work of works) work.waitSync();
    else {
      this.#begun = Promise.all(works).then(() => {
        this.#begun = undefined;
      });
      // Whoever awaits `ready` hears of a failure.
      this.#begun.catch(() => undefined);
    }
  }

  /** Resolves when all ranks have the parameters of the first: at once on devices that read synchronously. */
  async ready(): Promise<void> {
    await this.#begun;
  }

  #checkParameters(bucketCapMb: number): void {
    // Other buckets, or buffers that only some share, are other collectives.
    const options = `${bucketCapMb} ${this.#broadcastBuffers}`;
    const parameters = [...this.module.namedParameters(), ...this.module.namedBuffers()]
      .map(([name, tensor]) => `${name} ${tensor.dtype} ${tensor.shape.join(',')} ${tensor.requiresGrad}`)
      .join('\n');
    const compare = (text: string, what: string, hint: string): void =>
      checkSame('DistributedDataParallel', this.#group, createHash('sha256').update(text).digest(), what, hint);
    compare(parameters, 'parameters and buffers', 'Names, shapes and dtypes must be equal: build the same network in every rank.');
    compare(options, 'bucketCapMb and broadcastBuffers', 'Give the same options in every rank.');
  }

  #watch(parameter: Parameter, bucket: Bucket): void {
    this.#bucketOf.set(parameter, bucket);
    parameter.registerPostAccumulateGradHook(() => this.#arrive(parameter, bucket));
  }

  #arrive(parameter: Parameter, bucket: Bucket): void {
    if (!this.#synchronizing) return;
    if (!this.#synchronous) {
      this.#unreduced = true;
      return;
    }
    if (!this.#walking) {
      this.#walking = true;
      this.#next = 0;
      for (const each of this.#buckets) each.reset();
      queueBackwardCallback(() => this.#endWalk());
    }
    bucket.arrive(parameter);
    while (this.#next < this.#buckets.length && this.#buckets[this.#next].complete) this.#launchNext();
  }

  #launchNext(): void {
    this.#buckets[this.#next++].launch(this.#group);
  }

  #endWalk(): void {
    this.#walking = false;
    while (this.#next < this.#buckets.length) this.#launchNext();
    for (const bucket of this.#buckets) bucket.finish();
  }

  /**
   * Averages the gradients on a device that reads asynchronously: `await` it between backward and step. Elsewhere backward has done it, and
   * there is nothing to do.
   */
  async reduceGradients(): Promise<void> {
    if (!this.#unreduced) return;
    await this.ready();
    for (const bucket of this.#buckets) bucket.launch(this.#group);
    for (const bucket of this.#buckets) await bucket.finishAsync();
    this.#unreduced = false;
    if (this.#sharesBuffers) await Promise.all([...this.module.buffers()].map((buffer) => this.#share(buffer)));
  }

  get #sharesBuffers(): boolean {
    return this.#broadcastBuffers && this.module.training;
  }

  #share(buffer: Tensor): ReturnType<typeof broadcast> {
    return broadcast(buffer, { src: this.#group.ranks[0], group: this.#group });
  }

  /**
   * Runs `body`, in which backward only gathers gradients in this process; the next backward outside averages all that has been gathered. A
   * promise that it returns is waited for.
   * @example
   * model.noSync(() => loss(model.forward(first)).backward());
   * loss(model.forward(second)).backward();
   */
  noSync<T>(body: () => T): T {
    checkFunction('DistributedDataParallel.noSync', 'the body', body);
    const before = this.#synchronizing;
    const restore = (): void => {
      this.#synchronizing = before;
    };
    this.#synchronizing = false;
    let result: T;
    try {
      result = body();
    } catch (error) {
      restore();
      throw error;
    }
    if (result instanceof Promise) return result.finally(restore) as T;
    restore();
    return result;
  }

  /** The module's own forward. @throws ArgumentError when the gradients of the last backward still differ between ranks */
  forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    const op = 'DistributedDataParallel.forward';
    if (this.#begun !== undefined)
      throw new ArgumentError({ op, expected: 'parameters that are the same in all ranks', received: 'a model that is not ready', hint: 'Call `await model.ready()` once.' }); // prettier-ignore
    if (this.#unreduced && this.#synchronizing && isGradEnabled())
      throw new ArgumentError({ op, expected: 'gradients that were averaged', received: 'those of this rank alone', hint: 'Call `await model.reduceGradients()` between backward and step.' }); // prettier-ignore
    if (this.#synchronous && this.#sharesBuffers && this.#synchronizing && isGradEnabled()) {
      const works = [...this.module.buffers()].map((buffer) => this.#share(buffer));
      for (const work of works) work.waitSync();
    }
    return this.module.forward(...inputs) as ReturnType<M['forward']>;
  }
}
