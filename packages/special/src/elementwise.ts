import { defineOp, dispatchOne, hostMap, NotSupportedError, toFloat, type Op, type Tensor } from '@flambeau/core';

/** A function of one number, run on the host in float64. `gradient` gives that with respect to x from g, x and y = f(x). */
export function defineHostUnary(
  name: string,
  f: (x: number) => number,
  gradient?: (g: Tensor, x: Tensor, y: Tensor) => Tensor,
): (x: Tensor) => Tensor {
  const op: Op = defineOp<unknown>({
    name: `special${name[0].toUpperCase()}${name.slice(1)}`,
    infer: ([x]) => [x],
    compose: ([x]) => [hostMap(`special.${name}`, [x], f)],
    save: ([x], [y]) => [x, y],
    vjp: ({ cotangents: [g], saved: [x, y] }) => [g && (gradient ?? refuse(name))(g, x, y)],
  });
  return (x) => dispatchOne(op, [toFloat(x)]);
}

/** The rule of a function that has no derivative here. */
export const refuse =
  (name: string): ((...operands: Tensor[]) => never) =>
  () => {
    throw new NotSupportedError({
      op: `special.${name}`,
      expected: 'a derivative, which is not offered here nor in PyTorch',
      hint: 'Detach its input, or run it under noGrad.',
    });
  };

/** `numerator / x`, with another value where x is 0. */
export function overX(numerator: Tensor, x: Tensor, atZero: number): Tensor {
  const zero = x.eq(0);
  return numerator.div(x.maskedFill(zero, 1)).maskedFill(zero, atZero);
}
