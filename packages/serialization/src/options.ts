import { ArgumentError, describe } from '@flambeau/core';

/** The options of a function that reads or writes. @throws ArgumentError for what is no object, such as the name of a format by itself */
export function checkOptions<Options extends object>(op: string, options: Options): Options {
  if (typeof options === 'object' && (options as Options | null) !== null) return options;
  throw new ArgumentError({
    op,
    expected: 'an object of options',
    received: describe(options),
    hint: "Such as { format: 'safetensors' }.",
  });
}
