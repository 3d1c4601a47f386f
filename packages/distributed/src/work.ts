import { AsyncOnlyError } from '@flambeau/core';

/** How a work learns of its end: the transport's side. */
export interface Waiting {
  /** Blocks until it is settled, and settles it. Missing where only a promise can wait. */
  block?(): void;
  /** Keeps the event loop alive until it is settled. */
  hold(): void;
}

type State<T> = { readonly value: T } | { readonly error: unknown } | undefined;

/**
 * A collective or a message that is under way on a thread of its own. `await` it, or call `waitSync()`; either gives the result, or throws
 * what went wrong. Until then nobody may touch the tensors that it was given.
 */
export class Work<T> implements PromiseLike<T> {
  private state: State<T>;
  private waiting: Waiting | undefined;
  private readonly name: string;
  private promise: Promise<T> | undefined;
  private resolve: ((value: T) => void) | undefined;
  private reject: ((error: unknown) => void) | undefined;

  /** Works are made by the functions of this package. @param name - the operation, for messages */
  constructor(name: string, waiting?: Waiting) {
    this.name = name;
    this.waiting = waiting;
  }

  /** A work that is done already. */
  static done<T>(name: string, value: T): Work<T> {
    const work = new Work<T>(name);
    work.settle({ value });
    return work;
  }

  /** A work that only a promise knows the end of. */
  static of<T>(name: string, promise: Promise<T>): Work<T> {
    const work = new Work<T>(name, { hold: () => undefined });
    promise.then(
      (value) => work.settle({ value }),
      (error: unknown) => work.settle({ error }),
    );
    return work;
  }

  /** Called once by whoever carries the work out. */
  settle(state: { readonly value: T } | { readonly error: unknown }): void {
    if (this.state !== undefined) return;
    this.state = state;
    this.waiting = undefined;
    if ('value' in state) this.resolve?.(state.value);
    else this.reject?.(state.error);
  }

  /** True once it is done or has failed. */
  isCompleted(): boolean {
    return this.state !== undefined;
  }

  /** Blocks until it is done. @throws DistributedError when it failed, AsyncOnlyError where the device can only be read asynchronously */
  waitSync(): T {
    if (this.state === undefined) {
      if (this.waiting?.block === undefined) {
        throw new AsyncOnlyError({
          op: `${this.name}.waitSync`,
          expected: 'tensors on a device that reads synchronously',
          received: 'a device that reads asynchronously, here or in an earlier collective',
          hint: 'Await it.',
        });
      }
      this.waiting.block();
    }
    const { state } = this;
    if (state === undefined) throw new Error(`${this.name}: a work that was waited for is not settled`);
    if ('error' in state) throw state.error;
    return state.value;
  }

  /** The promise of the result. */
  wait(): Promise<T> {
    if (this.promise === undefined) {
      this.promise = new Promise<T>((resolve, reject) => {
        this.resolve = resolve;
        this.reject = reject;
      });
      const { state } = this;
      if (state === undefined) this.waiting?.hold();
      else if ('value' in state) this.resolve?.(state.value);
      else this.reject?.(state.error);
    }
    return this.promise;
  }

  // oxlint-disable-next-line no-thenable -- a handle is awaited as it is
  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.wait().then(onfulfilled, onrejected);
  }
}
