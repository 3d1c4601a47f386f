import type { Tensor } from '@flambeau/core';

/** Prints the first ten predictions beside the real numbers. */
export async function showDigits(prediction: Tensor, real: Tensor): Promise<void> {
  const first = async (x: Tensor): Promise<string> => ((await x.at(':10').toArray()) as number[]).join(' ');
  console.log(`${await first(prediction)}  prediction`);
  console.log(`${await first(real)}  real number`);
}
