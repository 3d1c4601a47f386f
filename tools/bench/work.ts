/** A piece of work that is measured, with a twin of the same name in pytorch/twin.py. */
export interface Work {
  readonly name: string;
  /** False for work that runs without recording. */
  readonly grad?: boolean;
  /** The largest ratio to PyTorch's time that is wanted. */
  readonly atMost?: number;
  /** Makes what the work needs; the function that it returns is what is timed. */
  setup(): () => unknown;
}

/** Work that is done once, cut into parts of which each is timed; a row gives the time of the whole. */
export interface Course {
  readonly name: string;
  readonly atMost?: number;
  /** @param parts - how many calls of the returned function do the whole work */
  setup(parts: number): Promise<() => Promise<void>>;
}

/** A program of its own, started anew for each sample. */
export interface Program {
  readonly name: string;
  readonly atMost?: number;
  readonly unit: 'ms' | 'MB';
  /** Samples of each side; fewer than pairs elsewhere where the figure hardly varies. */
  readonly samples: number;
  ours(): Promise<number>;
  theirs(python: string): Promise<number>;
}
