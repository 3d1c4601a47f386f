/** A piece of work that is measured, with a twin of the same name in pytorch/twin.py. */
export interface Work {
  readonly name: string;
  /** False for work that runs without recording. */
  readonly grad?: boolean;
  /** Makes what the work needs; the function that it returns is what is timed. */
  setup(): () => unknown;
}
