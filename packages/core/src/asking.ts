import { IndexError } from './errors.ts';

/** How an error tells of an index that a kernel refuses, in the words of the function that asked for the kernel. */
export interface Asking {
  readonly op: string;
  readonly expected?: string;
  readonly hint?: string;
}

let current: Asking | undefined;

/**
 * Runs what a function computes by other ops: an index that a kernel refuses, at once or later, is told in the words of `asking`.
 * @throws IndexError in these words where they say what was expected, else as it came
 */
export function askedBy<T>(asking: Asking, run: () => T): T {
  const outer = current;
  current = outer ?? asking;
  try {
    return run();
  } catch (error) {
    if (asking.expected === undefined || !(error instanceof IndexError)) throw error;
    throw new IndexError({ ...asking, expected: asking.expected, received: error.received ?? 'another', cause: error });
  } finally {
    current = outer;
  }
}

/** Who asks for what runs now: the outermost function that has said so. */
export const whoAsks = (): Asking | undefined => current;
