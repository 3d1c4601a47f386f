import { checkTensor } from '../checks.ts';
import { describe, ArgumentError, ShapeError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { showShape } from '../shape.ts';

/** The letters of one operand, with `...` replaced by numbered places. */
function parseTerm(term: string, rank: number, equation: string): string[] {
  const parts = term.split('...');
  if (parts.length > 2 || !/^[A-Za-z]*$/.test(parts.join('')))
    throw new ArgumentError({
      op: 'einsum',
      expected: 'letters, commas, one -> and ... in the equation',
      received: JSON.stringify(equation),
    });
  const letters = parts.join('').length;
  const hidden = rank - letters;
  if (hidden < 0 || (parts.length === 1 && hidden !== 0)) {
    throw new ShapeError({ op: 'einsum', expected: `a tensor of ${letters} dimensions for "${term}"`, received: `one of ${rank}` });
  }
  const places = Array.from({ length: hidden }, (_, i) => `.${hidden - i}`);
  return [...parts[0], ...(parts.length === 2 ? places : []), ...(parts[1] ?? '')];
}

/**
 * Sums of products by Einstein's convention: `einsum('ij,jk->ik', a, b)` is a matrix product. Letters that are missing on the right are summed;
 * without `->` the result has the letters that come once, in alphabetical order. Operands are contracted from left to right by matrix products.
 * @throws ShapeError when a letter stands for two sizes, ArgumentError for a malformed equation.
 */
export function einsum(equation: string, ...operands: (Tensor | readonly Tensor[])[]): Tensor {
  const tensors = operands.flat() as Tensor[];
  if (typeof equation !== 'string')
    throw new ArgumentError({ op: 'einsum', expected: "an equation such as 'ij,jk->ik'", received: describe(equation) });
  const [left, right, ...more] = equation.replaceAll(' ', '').split('->');
  const terms = left.split(',');
  if (more.length > 0 || terms.length !== tensors.length || tensors.length === 0) {
    throw new ArgumentError({
      op: 'einsum',
      expected: `${terms.length} operands for ${JSON.stringify(equation)}`,
      received: String(tensors.length),
    });
  }
  for (const x of tensors) checkTensor('einsum', 'each operand', x);
  const labels = terms.map((term, i) => parseTerm(term, tensors[i].ndim, equation));
  const sizes = new Map<string, number>();
  labels.forEach((list, i) =>
    list.forEach((label, d) => {
      const n = tensors[i].shape[d];
      const known = sizes.get(label) ?? 1;
      if (known !== 1 && n !== 1 && known !== n)
        throw new ShapeError({
          op: 'einsum',
          expected: `one size for "${label}"`,
          received: tensors.map((x) => showShape(x.shape)).join(', '),
        });
      sizes.set(label, known === 1 ? n : known); // where one has 1, the other's size, which may be 0
    }),
  );
  const counts = new Map<string, number>();
  for (const label of labels.flat()) counts.set(label, (counts.get(label) ?? 0) + 1);
  const hidden = [...sizes.keys()].filter((l) => l.startsWith('.')).sort().reverse(); // prettier-ignore
  const output = right === undefined ? [...hidden, ...[...counts.keys()].filter((l) => counts.get(l) === 1 && !l.startsWith('.')).sort()] : outputLabels(right, hidden, sizes, equation); // prettier-ignore
  let [result, resultLabels] = unique(tensors[0], labels[0]);
  for (let i = 1; i < tensors.length; i++) {
    const [next, nextLabels] = unique(tensors[i], labels[i]);
    const later = new Set([...output, ...labels.slice(i + 1).flat()]);
    [result, resultLabels] = contract(result, resultLabels, next, nextLabels, later, sizes);
  }
  const surplus = resultLabels.flatMap((l, d) => (output.includes(l) ? [] : [d]));
  if (surplus.length > 0) {
    result = result.sum(surplus);
    resultLabels = resultLabels.filter((l) => output.includes(l));
  }
  return result.permute(output.map((l) => resultLabels.indexOf(l)));
}

function outputLabels(right: string, hidden: string[], sizes: Map<string, number>, equation: string): string[] {
  const [before, after] = right.split('...');
  const list = after === undefined ? [...before] : [...before, ...hidden, ...after];
  if (new Set(list).size !== list.length || list.some((l) => !sizes.has(l))) {
    throw new ArgumentError({ op: 'einsum', expected: 'each output letter once, and in some operand', received: JSON.stringify(equation) });
  }
  return list;
}

/** Takes diagonals, so that each label comes once. */
function unique(x: Tensor, labels: readonly string[]): [Tensor, string[]] {
  let [y, list] = [x, [...labels]];
  for (let i = 0; i < list.length; i++) {
    for (let j = list.indexOf(list[i], i + 1); j >= 0; j = list.indexOf(list[i], i + 1)) {
      y = y.diagonal(0, i, j).movedim(-1, i);
      list = list.filter((_, d) => d !== j);
    }
  }
  return [y, list];
}

/** Multiplies two operands and sums the labels that nothing later needs: one batched matrix product. */
function contract(
  a: Tensor,
  aLabels: string[],
  b: Tensor,
  bLabels: string[],
  later: Set<string>,
  sizes: Map<string, number>,
): [Tensor, string[]] {
  const only = (x: Tensor, mine: string[], other: string[]): [Tensor, string[]] => {
    const summed = mine.flatMap((l, d) => (!other.includes(l) && !later.has(l) ? [d] : []));
    return summed.length === 0 ? [x, mine] : [x.sum(summed), mine.filter((_, d) => !summed.includes(d))];
  };
  const [x, xLabels] = only(a, aLabels, bLabels);
  const [y, yLabels] = only(b, bLabels, aLabels);
  const shared = xLabels.filter((l) => yLabels.includes(l));
  const batch = shared.filter((l) => later.has(l));
  const inner = shared.filter((l) => !later.has(l));
  const [xOnly, yOnly] = [xLabels.filter((l) => !shared.includes(l)), yLabels.filter((l) => !shared.includes(l))];
  const arrange = (t: Tensor, list: string[], groups: string[][]): Tensor => {
    const wide = t.expand(list.map((l) => sizes.get(l) ?? 1)).permute(groups.flat().map((l) => list.indexOf(l)));
    return wide.reshape([
      ...groups[0].map((l) => sizes.get(l) ?? 1),
      ...groups.slice(1).map((g) => g.reduce((n, l) => n * (sizes.get(l) ?? 1), 1)),
    ]);
  };
  const product = arrange(x, xLabels, [batch, xOnly, inner]).matmul(arrange(y, yLabels, [batch, inner, yOnly]));
  const outLabels = [...batch, ...xOnly, ...yOnly];
  return [product.reshape(outLabels.map((l) => sizes.get(l) ?? 1)), outLabels];
}
