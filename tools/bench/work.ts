/** What is wanted of a work. */
interface Wanted {
  readonly name: string;
  /** The largest ratio to PyTorch's time that is wanted of the native engine. */
  readonly atMost?: number;
  /** And of WebAssembly. */
  readonly atMostOnWasm?: number;
}

/** The largest ratio that is wanted on an engine. */
export const limitOf = ({ atMost, atMostOnWasm }: Wanted, engine: string): number | undefined =>
  engine === 'wasm' ? atMostOnWasm : atMost;

/** A piece of work that is measured, with a twin of the same name in pytorch/twin.py. */
export interface Work extends Wanted {
  /** False for work that runs without recording. */
  readonly grad?: boolean;
  /** Makes what the work needs; the function that it returns is what is timed. */
  setup(): () => unknown;
}

/** Work that is done once, cut into parts of which each is timed; a row gives the time of the whole. */
export interface Course extends Wanted {
  /** @param parts - how many calls of the returned function do the whole work */
  setup(parts: number): Promise<() => Promise<void>>;
}

/** A program of its own, started anew for each sample. */
export interface Program extends Wanted {
  readonly unit: 'ms' | 'MB';
  /** Samples of each side; fewer than pairs elsewhere where the figure hardly varies. */
  readonly samples: number;
  ours(): Promise<number>;
  theirs(python: string): Promise<number>;
}
