import { ArgumentError, defaultGenerator, describe, Generator } from '@flambeau/core';

/** How far a loader has come in its pass, and what its order was drawn from. */
export interface LoaderState {
  /** Batches that the pass has given; 0 between passes. */
  position: number;
  /** The states of all generators when the pass began; empty between passes. */
  start: Uint8Array[];
  /** The states now of the generators that are the loader's and its samplers' own; the default one is the run's to keep. */
  now: Uint8Array[];
}

/** Keeps the place in a pass, so that another process can go on with the next batch of the same order. */
export class Position {
  private readonly sources: readonly Generator[];
  private position = 0;
  private start: Uint8Array[] = [];
  private pending: Pick<LoaderState, 'position' | 'start'> | undefined;

  /** @param order - the sampler of batches; generators that it and the samplers inside hold are kept too */
  constructor(generator: Generator, order: unknown) {
    this.sources = [...new Set([generator, defaultGenerator, ...generatorsIn(order)])];
  }

  private get own(): readonly Generator[] {
    return this.sources.filter((generator) => generator !== defaultGenerator);
  }

  stateDict(): LoaderState {
    const { position, start } = this.pending ?? { position: this.position, start: this.start };
    return { position, start: position === 0 ? [] : [...start], now: this.own.map((generator) => generator.getStateBytes()) };
  }

  loadStateDict(state: LoaderState): void {
    const { position = -1, start, now } = (state ?? {}) as Partial<LoaderState>;
    const bytes = (list: unknown, length: number): boolean =>
      Array.isArray(list) && list.length === length && list.every((item) => item instanceof Uint8Array);
    const { own, sources } = this;
    if (
      !Number.isSafeInteger(position) ||
      position < 0 ||
      start === undefined ||
      now === undefined ||
      !bytes(start, position === 0 ? 0 : sources.length) ||
      !bytes(now, own.length)
    ) {
      throw new ArgumentError({
        op: 'DataLoader.loadStateDict',
        expected: `what stateDict gave, with the states of ${sources.length} generators`,
        received: describe(state),
        hint: 'Build the loader with the same sampler and generator as when it was saved.',
      });
    }
    own.forEach((generator, i) => generator.setStateBytes(now[i]));
    this.pending = position === 0 ? undefined : { position, start };
    this.position = 0;
  }

  /**
   * Begins a pass. One that goes on from a state draws its order again as it was drawn then, passes over what was given, and leaves the
   * generators as they are now.
   */
  begin<T, S>(open: () => { items: Iterator<T>; seed: S }): { items: Iterator<T>; seed: S } {
    const { pending } = this;
    this.pending = undefined;
    const now = this.sources.map((generator) => generator.getStateBytes());
    if (pending === undefined) {
      this.start = now;
      this.position = 0;
      return open();
    }
    this.start = pending.start;
    this.position = pending.position;
    this.sources.forEach((generator, i) => generator.setStateBytes(pending.start[i]));
    try {
      const pass = open();
      for (let i = 0; i < pending.position; i++) if (pass.items.next().done === true) break;
      return pass;
    } finally {
      this.sources.forEach((generator, i) => generator.setStateBytes(now[i]));
    }
  }

  /** Batches that the pass has given, those before it was taken up again among them. */
  get passed(): number {
    return this.position;
  }

  /** Notes that a batch is given. */
  given(): void {
    this.position++;
  }

  /** Notes that the pass has come to its end. */
  end(): void {
    this.position = 0;
  }
}

/** The generators in the fields of a sampler and of the samplers that it wraps. */
function generatorsIn(sampler: unknown, depth = 0): Generator[] {
  if (typeof sampler !== 'object' || sampler === null || depth > 8) return [];
  return Object.values(sampler).flatMap((value: unknown) =>
    value instanceof Generator ? [value] : typeof (value as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === 'function' && !Array.isArray(value) && !ArrayBuffer.isView(value) ? generatorsIn(value, depth + 1) : [],
  ); // prettier-ignore
}
