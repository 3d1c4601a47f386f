/** One layer in one direction. The sequence is [T, N, I]; states are [N, H]. */
export interface RecurrentAttrs {
  /** Runs from the last step to the first. */
  readonly reverse: boolean;
}

/** The steps of a sequence in the order in which a layer takes them. */
export const stepOrder = (length: number, reverse: boolean): number[] => Array.from({ length }, (_, i) => (reverse ? length - 1 - i : i));
