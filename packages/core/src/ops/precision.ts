import { checkInput, checkTensor } from '../checks.ts';
import { defineOp, type Op, type VjpContext } from '../op.ts';
import { isFloat, type DType } from '../dtype.ts';
import { dispatchOne } from '../dispatch.ts';
import { broadcastShapes } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { TensorOrNumber } from './arithmetic.ts';
import { cast, resultType, toFloat } from './cast.ts';
import { expandTo } from './views.ts';

// Elementwise functions that are composed of others, with derivatives of their own.

/** The dtype in which a device computes most exactly: float64 where it can, else float32. */
export const widestFloat = (x: Tensor): DType => (x.device.supports('float64') && x.device.computes('float64') ? 'float64' : 'float32');

/** Computes in the widest float of the device and rounds the result once to the dtype of x. */
export const computeWide = (x: Tensor, compute: (wide: Tensor) => Tensor): Tensor => cast(compute(cast(x, widestFloat(x))), x.dtype);

/** A composed function of one float tensor: `compute` gives its values, `gradient` that with respect to x from g, x and y = f(x). */
export function defineComposedUnary<Attrs = undefined>(
  name: string,
  compute: (x: Tensor, attrs: Attrs) => Tensor,
  gradient: (g: Tensor, x: Tensor, y: Tensor, attrs: Attrs) => Tensor,
): Op<Attrs> {
  return defineOp<Attrs>({
    name,
    infer: ([x]) => [x],
    compose: ([x], attrs) => [compute(x, attrs)],
    save: ([x], [y]) => [x, y],
    vjp: ({ cotangents: [g], saved: [x, y], attrs }) => [g && gradient(g, x, y, attrs)],
  });
}

/** Runs a composed unary op on floats, casting integers and bools to float32. */
export const runComposed = <Attrs = undefined>(op: Op<Attrs>, x: Tensor, attrs?: Attrs): Tensor => dispatchOne(op, [toFloat(checkInput(op.name, x))], attrs as Attrs); // prettier-ignore

/** How a composed function of two tensors is computed and differentiated. */
export interface PairRule {
  readonly compute: (a: Tensor, b: Tensor) => Tensor;
  readonly left: (g: Tensor, a: Tensor, b: Tensor) => Tensor | undefined;
  readonly right: (g: Tensor, a: Tensor, b: Tensor) => Tensor | undefined;
}

/** A composed function of two tensors of one shape and dtype. */
export const defineComposedPair = (name: string, rule: PairRule): Op =>
  defineOp<unknown>({
    name,
    infer: ([a]) => [a],
    compose: ([a, b]) => [rule.compute(a, b)],
    save: (inputs) => inputs,
    vjp: ({ needs, cotangents: [g], saved: [a, b] }: VjpContext<unknown>) => [
      g && needs[0] ? rule.left(g, a, b) : undefined,
      g && needs[1] ? rule.right(g, a, b) : undefined,
    ],
  });

/** Two operands promoted to one dtype and broadcast to one shape; a number becomes an expanded scalar. */
export function promotePair(op: string, a: TensorOrNumber, b: TensorOrNumber, float = false): [Tensor, Tensor] {
  const like = a instanceof Tensor ? a : checkTensor(op, 'one of the operands', b);
  const promoted = resultType(a, b);
  const dtype = float && !isFloat(promoted) ? 'float32' : promoted;
  const side = (x: TensorOrNumber): Tensor => (x instanceof Tensor ? cast(x, dtype) : like.newFull([], Number(x), { dtype }));
  const [p, q] = [side(a), side(b)];
  const shape = broadcastShapes(op, p.shape, q.shape);
  return [expandTo(p, shape), expandTo(q, shape)];
}

/** Runs a composed op of two tensors after promoting and broadcasting; `float` casts integers to float32. */
export const runPair = (op: Op, a: TensorOrNumber, b: TensorOrNumber, float = true): Tensor =>
  dispatchOne(op, promotePair(op.name, a, b, float));
