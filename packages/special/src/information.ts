import { broadcastShapes, defineOp, dispatchOne, hostMap, isFloat, resultType, Tensor, toFloat, ArgumentError, describe, type Op } from '@flambeau/core'; // prettier-ignore
import { refuse } from './elementwise.ts';
import { hurwitzZeta } from './scalar/zeta.ts';

/** Two float operands of one shape and dtype. @throws ArgumentError unless one is a tensor */
export function pair(op: string, a: Tensor | number, b: Tensor | number): [Tensor, Tensor] {
  const like = a instanceof Tensor ? a : b;
  if (!(like instanceof Tensor)) throw new ArgumentError({ op, expected: 'at least one tensor', received: describe([a, b]) });
  const promoted = resultType(a, b);
  const dtype = isFloat(promoted) ? promoted : 'float32';
  const side = (x: Tensor | number): Tensor => (x instanceof Tensor ? x.to(dtype) : like.newFull([], x, { dtype }));
  const [p, q] = [side(a), side(b)];
  const shape = broadcastShapes(op, p.shape, q.shape);
  return [p.expand(shape), q.expand(shape)];
}

const entrOp: Op = defineOp<unknown>({
  name: 'specialEntr',
  infer: ([x]) => [x],
  compose: ([x]) => [x.mul(x.log()).neg().maskedFill(x.eq(0), 0).maskedFill(x.lt(0), -Infinity)], // prettier-ignore
  save: ([x]) => [x],
  vjp: ({ cotangents: [g], saved: [x] }) => [g && g.mul(x.log().add(1)).neg()],
});
/** The term of an entropy: `-x·log(x)`, 0 at 0, -Infinity below. */
export const entr = (x: Tensor): Tensor => dispatchOne(entrOp, [toFloat(x)]);

const xlog1pyOp: Op = defineOp<unknown>({
  name: 'specialXlog1py',
  infer: ([x]) => [x],
  compose: ([x, y]) => [x.mul(y.log1p()).maskedFill(x.eq(0).logicalAnd(y.isnan().logicalNot()), 0)],
  save: (inputs) => inputs,
  vjp: ({ needs, cotangents: [g], saved: [x, y] }) => [
    g && needs[0] ? g.mul(y.log1p()).maskedFill(x.eq(0).logicalAnd(y.le(-1)), 0) : undefined,
    g && needs[1] ? g.mul(x).div(y.add(1)) : undefined,
  ],
});
/** `x·log(1 + y)`, and 0 where x is 0 and y a number. */
export const xlog1py = (x: Tensor | number, y: Tensor | number): Tensor => dispatchOne(xlog1pyOp, pair('special.xlog1py', x, y));

const zetaOp: Op = defineOp<unknown>({
  name: 'specialZeta',
  infer: ([x]) => [x],
  compose: ([x, q]) => [hostMap('special.zeta', [x, q], hurwitzZeta)],
  save: (inputs) => inputs,
  // d/dq Σ (k + q)^-x = -x·ζ(x + 1, q); there is none in x.
  vjp: ({ needs, cotangents: [g], saved: [x, q] }) => {
    if (g === undefined) return [undefined, undefined];
    return [
      needs[0] ? refuse('zeta')() : undefined,
      needs[1]
        ? g
            .mul(x)
            .mul(zeta(x.add(1), q))
            .neg()
        : undefined,
    ];
  },
});
/** Hurwitz's zeta function `Σ (k + q)^-x` over k from 0. It has a derivative in q. */
export const zeta = (x: Tensor | number, q: Tensor | number): Tensor => dispatchOne(zetaOp, pair('special.zeta', x, q));
