import type { Session } from './session.ts';

/** What the command line of every app, or the page, says. */
export interface AppOptions {
  readonly seed: number;
  readonly epochs: number;
  /** Stops after this many steps in all; undefined runs the epochs to their end. */
  readonly steps: number | undefined;
  readonly batchSize: number;
  readonly lr: number;
}

/** A program that trains, on any device, in Node or on a page: its name, its own values of the options, and the training. */
export interface App extends Omit<AppOptions, 'seed' | 'steps'> {
  readonly name: string;
  readonly description: string;
  /** True when its training can be shared by the processes of a team. */
  readonly distributes?: boolean;
  train(session: Session): Promise<void>;
}
