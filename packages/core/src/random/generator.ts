import { readOptions } from '../call.ts';
import { ArgumentError, describe } from '../errors.ts';
import { MT19937 } from './mt19937.ts';

const stateBytes = 5056;

/** A source of random numbers that gives what PyTorch's CPU generator gives for the same seed. */
export class Generator {
  private seedValue = 0n;
  /** The engine of the seed, made by the first draw: filling its state would be a tenth of the time in which a program starts. */
  private started: MT19937 | undefined;
  /** The second number of the last pair of normals, waiting for the next call. */
  private waitingNormal: number | undefined;

  /** A generator with a seed drawn by chance; see `manualSeed`. */
  constructor() {
    this.manualSeed(Math.floor(Math.random() * 2 ** 32));
  }

  /** Starts the stream of a seed. @returns this */
  manualSeed(seed: number | bigint): this {
    if (typeof seed !== 'bigint' && !Number.isSafeInteger(seed)) {
      throw new ArgumentError({ op: 'manualSeed', expected: 'an integer, or a bigint past 2^53', received: describe(seed) });
    }
    this.seedValue = BigInt.asUintN(64, BigInt(seed));
    this.started = undefined;
    this.waitingNormal = undefined;
    return this;
  }

  /** Starts the stream of a seed drawn by chance. @returns the seed */
  seed(): bigint {
    return this.manualSeed(Math.floor(Math.random() * 2 ** 53)).seedValue;
  }

  private get engine(): MT19937 {
    return (this.started ??= new MT19937(Number(this.seedValue & 0xffffffffn)));
  }

  /** The seed that the stream started from. */
  initialSeed(): bigint {
    return this.seedValue;
  }

  /** 32 random bits. */
  draw32(): number {
    return this.engine.draw();
  }

  /** 64 random bits, the first draw high. */
  draw64(): bigint {
    const high = this.engine.draw();
    return (BigInt(high) << 32n) | BigInt(this.engine.draw());
  }

  /** A float in [0, 1) of 24 bits, from one draw. */
  uniform24(): number {
    return (this.engine.draw() & 0xffffff) / 2 ** 24;
  }

  /** A double in [0, 1) of 53 bits, from two draws. */
  uniform53(): number {
    const high = this.engine.draw() & 0x1fffff;
    return (high * 2 ** 32 + this.engine.draw()) / 2 ** 53;
  }

  /** A normal double; they are made in pairs, and the second waits for the next call. */
  normal(): number {
    if (this.waitingNormal !== undefined) {
      const waiting = this.waitingNormal;
      this.waitingNormal = undefined;
      return waiting;
    }
    const u1 = this.uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniform53()));
    this.waitingNormal = radius * Math.sin(2 * Math.PI * u1);
    return radius * Math.cos(2 * Math.PI * u1);
  }

  /** An integer in [0, range): one draw below 2^32, two from there. */
  below(range: number): number {
    return range < 2 ** 32 ? this.draw32() % range : Number(this.draw64() % BigInt(range));
  }

  /** The state as PyTorch lays it out, 5056 bytes. */
  getStateBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(stateBytes);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, this.seedValue, true);
    view.setInt32(8, this.engine.left, true);
    view.setInt32(12, 1, true);
    view.setBigUint64(16, BigInt(this.engine.next), true);
    this.engine.state.forEach((word, i) => view.setBigUint64(24 + 8 * i, BigInt(word), true));
    if (this.waitingNormal !== undefined) {
      view.setFloat64(5024, this.waitingNormal, true);
      view.setInt32(5040, 1, true);
    }
    return bytes;
  }

  /** Takes over a state of `getStateBytes` or of PyTorch. @throws ArgumentError unless it is one. */
  setStateBytes(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const left = bytes.byteLength === stateBytes ? view.getInt32(8, true) : 0;
    const next = bytes.byteLength === stateBytes ? view.getBigUint64(16, true) : 0n;
    if (left < 1 || left > 624 || next > 624n) {
      throw new ArgumentError({
        op: 'setState',
        expected: `a generator state of ${stateBytes} bytes`,
        received: `${bytes.byteLength} bytes that are none`,
      });
    }
    this.seedValue = view.getBigUint64(0, true);
    this.engine.left = left;
    this.engine.next = Number(next);
    for (let i = 0; i < 624; i++) this.engine.state[i] = Number(view.getBigUint64(24 + 8 * i, true) & 0xffffffffn);
    this.waitingNormal = view.getInt32(5040, true) === 0 ? undefined : view.getFloat64(5024, true);
  }
}

/** The generator that random functions use when they are given none. */
export const defaultGenerator: Generator = new Generator();

/** The generator that an option gives, or the default one where it gives none. @throws ArgumentError for anything else */
export function generatorOf(op: string, generator: Generator | null | undefined): Generator {
  const given: unknown = generator ?? defaultGenerator;
  if (given instanceof Generator) return given;
  throw new ArgumentError({ op, expected: 'a Generator', received: describe(given), hint: 'Make one with new Generator().' });
}

/** Where random numbers come from. */
export interface GeneratorOptions {
  /** The source; the default generator when missing. */
  generator?: Generator | null;
}

/** Reads options of which `generator` is the only one. @throws ArgumentError for others */
export const readGenerator = (op: string, options: GeneratorOptions | undefined): Generator =>
  generatorOf(op, options === undefined ? undefined : readOptions<GeneratorOptions>(op, options, ['generator']).generator);

/** Starts the default generator from a seed, so that everything random that follows repeats. @returns the default generator */
export const manualSeed = (seed: number | bigint): Generator => defaultGenerator.manualSeed(seed);

/** The seed that the default generator started from. */
export const initialSeed = (): bigint => defaultGenerator.initialSeed();

/** Starts the default generator from a seed drawn by chance. @returns the seed */
export const seed = (): bigint => defaultGenerator.seed();
