import { FlambeauError } from '@flambeau/core';

/** Runs an app: a Flambeau error is told in its one sentence, without a stack; anything else is a bug and keeps its stack. */
export async function main(program: () => Promise<void>): Promise<void> {
  try {
    await program();
  } catch (error) {
    if (!(error instanceof FlambeauError)) throw error;
    console.error(`error ${error.code}: ${error.message}`);
    process.exitCode = 1;
  }
}
