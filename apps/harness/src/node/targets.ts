import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ArgumentError } from '@flambeau/core';

/** Makes the folder that a file will be written to. @throws ArgumentError where it cannot be written */
export function prepareTarget(option: string, file: string): void {
  const refuse = (received: string): ArgumentError =>
    new ArgumentError({ op: option, expected: 'a file that can be written', received: `${file}: ${received}` });
  if (existsSync(file) && statSync(file).isDirectory()) throw refuse('a folder');
  try {
    mkdirSync(dirname(file), { recursive: true });
    accessSync(existsSync(file) ? file : dirname(file), constants.W_OK);
  } catch (error) {
    throw refuse((error as Error).message);
  }
}
