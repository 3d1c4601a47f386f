/** How an error tells of an index that a kernel refuses, in the words of the function that asked for the kernel. */
export interface Asking {
  readonly op: string;
  readonly expected?: string;
  readonly hint?: string;
}

let current: Asking | undefined;

/** Runs what a function computes by other ops: a device that refuses values only later tells of them in the words of `asking`. */
export function askedBy<T>(asking: Asking, run: () => T): T {
  const outer = current;
  current = outer ?? asking;
  try {
    return run();
  } finally {
    current = outer;
  }
}

/** Who asks for what runs now: the outermost function that has said so. */
export const whoAsks = (): Asking | undefined => current;
