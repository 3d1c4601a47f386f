import { DTypeError, ShapeError, showShape, type Tensor } from '@flambeau/core';

/** Rows of a table: indices [...] and weight [V, E] give [..., E]. The row `paddingIdx` gets no gradient. */
export function embedding(indices: Tensor, weight: Tensor, options: { paddingIdx?: number } = {}): Tensor {
  if (weight.ndim !== 2) throw new ShapeError({ op: 'embedding', expected: 'a weight [V, E]', received: showShape(weight.shape) });
  if (indices.dtype !== 'int32' && indices.dtype !== 'int64')
    throw new DTypeError({
      op: 'embedding',
      expected: 'indices of int32 or int64',
      received: indices.dtype,
      hint: "Cast them: x.to('int32').",
    });
  const rows = weight.indexSelect(0, indices.flatten());
  const { paddingIdx } = options;
  const shape = [...indices.shape, weight.shape[1]];
  if (paddingIdx === undefined) return rows.reshape(shape);
  const row = paddingIdx < 0 ? paddingIdx + weight.shape[0] : paddingIdx;
  // The padding row is read from a detached table, so that nothing flows back into it.
  return indices.flatten().eq(row).unsqueeze(1).where(rows.detach(), rows).reshape(shape); // prettier-ignore
}
