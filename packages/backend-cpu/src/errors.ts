import { IndexError, ValueError } from '@flambeau/core';

/** What a kernel returns: native/command.h. */
const status = { indexOutOfRange: 1, divisionByZero: 2, targetOutOfRange: 3 };

/** Throws the error of a kernel that returned `code`; the head of the command buffer has the details. */
export function throwKernelError(op: string, code: number, view: Float64Array): never {
  const [, , value, limit] = view;
  switch (code) {
    case status.indexOutOfRange:
      throw new IndexError({ op, expected: `indices in [0, ${limit - 1}]`, received: String(value) });
    case status.targetOutOfRange:
      throw new IndexError({ op, expected: `class indices in [0, ${limit - 1}]`, received: String(value) });
    case status.divisionByZero:
      throw new ValueError({
        op,
        expected: 'a divisor that is not zero for integers',
        received: '0',
        hint: 'Cast to float32 for infinities.',
      });
    default:
      throw new Error(`${op}: the kernel returned status ${code}`);
  }
}
