import {
  broadcastShapes,
  defineOp,
  DTypeError,
  describe,
  ArgumentError,
  isFloat,
  numel,
  onHost,
  ShapeError,
  showShape,
  Tensor,
  ValueError,
  type DType,
  type Op,
  type Shape,
  type VjpContext,
} from '@flambeau/core';
import { Matrix } from 'ml-matrix';

// Decompositions run on the host in float64, one matrix of a batch after the other; their derivatives are ordinary ops.

/** One matrix (or vector) of a batch for each input and output, row-major. */
export interface HostCall<Attrs> {
  readonly inputs: readonly Float64Array[];
  /** The trailing dimensions of each input. */
  readonly shapes: readonly Shape[];
  readonly outputs: readonly Float64Array[];
  readonly attrs: Attrs;
  /** `of matrix 3 of the batch`, or nothing for a single matrix. */
  readonly where: string;
}

interface HostDefinition<Attrs> {
  readonly name: string;
  /** How many trailing dimensions each input has beside the batch. */
  readonly ranks: readonly number[];
  /** Trailing dimensions and dtype (float64 by default) of each output. */
  outputs(shapes: readonly Shape[], attrs: Attrs): readonly { shape: Shape; dtype?: DType }[];
  run(call: HostCall<Attrs>): void;
  save?(inputs: readonly Tensor[], outputs: readonly Tensor[]): readonly Tensor[];
  vjp?(context: VjpContext<Attrs>): (Tensor | undefined)[];
}

/** The dtype in which decompositions are kept: float64 where the device has it. */
export const widestOf = (x: Tensor): DType => (x.device.supports('float64') ? 'float64' : 'float32');

/** Defines an op that computes matrix by matrix on the host. Inputs share their batch dimensions. */
export function defineHostOp<Attrs = undefined>(definition: HostDefinition<Attrs>): Op<Attrs> {
  const { name, ranks, outputs: describeOutputs, run, save, vjp } = definition;
  return defineOp<Attrs>({
    name,
    compose(inputs, attrs) {
      const batch = inputs[0].shape.slice(0, inputs[0].ndim - ranks[0]);
      const shapes = inputs.map((x, i) => x.shape.slice(x.ndim - ranks[i]));
      const specs = describeOutputs(shapes, attrs);
      const count = numel(batch);
      const part = (all: Float64Array, shape: Shape, i: number): Float64Array => all.subarray(i * numel(shape), (i + 1) * numel(shape));
      const wanted = specs.map(({ shape, dtype }) => ({ shape: [...batch, ...shape], dtype: dtype ?? widestOf(inputs[0]) }));
      return onHost(name, inputs, wanted, (values) => {
        const results = specs.map(({ shape }) => new Float64Array(count * numel(shape)));
        for (let i = 0; i < count; i++) {
          run({
            inputs: values.map((all, k) => part(all, shapes[k], i)),
            shapes,
            outputs: results.map((all, k) => part(all, specs[k].shape, i)),
            attrs,
            where: count > 1 ? ` (number ${i} of the batch)` : '',
          });
        }
        return results;
      });
    },
    ...(save && { save: (inputs, outs) => save(inputs, outs) }),
    ...(vjp && { vjp }),
  });
}

/**
 * The operand in float64, or in float32 on a device that has no float64.
 * @throws ArgumentError unless it is a tensor, DTypeError unless of floats, ShapeError below `rank` dimensions
 */
export function wide(op: string, x: Tensor, rank = 2): Tensor {
  if (!(x instanceof Tensor)) throw new ArgumentError({ op, expected: 'a tensor', received: describe(x) });
  if (!isFloat(x.dtype)) throw new DTypeError({ op, expected: 'a tensor of floats', received: x.dtype, hint: "Cast it: x.to('float32')." });
  if (x.ndim < rank) {
    throw new ShapeError({
      op,
      expected: rank === 2 ? 'a matrix, or a batch of matrices [..., rows, columns]' : `at least ${rank} dimension`,
      received: showShape(x.shape),
    });
  }
  return x.to(widestOf(x));
}

/** As `wide`, for square matrices. @throws ShapeError unless the last two dimensions are equal */
export function wideSquare(op: string, x: Tensor): Tensor {
  const y = wide(op, x);
  if (y.shape[y.ndim - 1] !== y.shape[y.ndim - 2])
    throw new ShapeError({ op, expected: 'square matrices [..., n, n]', received: showShape(x.shape) });
  return y;
}

/** Two operands with equal, broadcast batch dimensions. */
export function broadcastBatches(op: string, a: Tensor, b: Tensor, rankA = 2, rankB = 2): [Tensor, Tensor] {
  const [batchA, batchB] = [a.shape.slice(0, a.ndim - rankA), b.shape.slice(0, b.ndim - rankB)];
  const batch = broadcastShapes(op, batchA, batchB);
  return [a.expand([...batch, ...a.shape.slice(a.ndim - rankA)]), b.expand([...batch, ...b.shape.slice(b.ndim - rankB)])];
}

/** Several results under names, also as an array: `const { Q, R } = qr(a)` and `const [q, r] = qr(a)`. */
export function named<Names extends string>(entries: Readonly<Record<Names, Tensor>>): Tensor[] & Readonly<Record<Names, Tensor>> {
  return Object.assign(Object.values<Tensor>(entries), entries);
}

/** @throws ValueError that names a singular matrix */
export function refuseSingular(op: string, where: string): never {
  throw new ValueError({
    op,
    expected: 'an invertible matrix',
    received: `a singular one${where}`,
    hint: 'Use pinv or lstsq, or add a multiple of the identity.',
  });
}

/** @throws ValueError for NaN or an infinity, on which iterations would not end well */
export function checkFinite(op: string, values: Float64Array, where: string): void {
  if (!values.every(Number.isFinite)) throw new ValueError({ op, expected: 'finite elements', received: `NaN or an infinity${where}` });
}

/** A row-major matrix for ml-matrix. */
export const toMatrix = (a: Float64Array, m: number, n: number): Matrix =>
  new Matrix(Array.from({ length: m }, (_, i) => a.slice(i * n, (i + 1) * n)));
