import { checkIterable, checkTensor, cat, ShapeError, showShape, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';

/** All elements of parameters as one vector, in order; a gradient flows back. */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  const list = checkIterable('parametersToVector', 'the parameters', parameters);
  return cat(list.map((p) => checkTensor('parametersToVector', 'each parameter', p).reshape(-1)));
}

/**
 * Writes the elements of a vector into parameters, in order.
 * @throws ShapeError when the vector has more or fewer elements than they
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  checkTensor('vectorToParameters', 'vector', vector);
  const list = checkIterable('vectorToParameters', 'the parameters', parameters);
  for (const p of list) checkTensor('vectorToParameters', 'each parameter', p);
  const count = list.reduce((n, p) => n + p.count, 0);
  if (vector.ndim !== 1 || vector.count !== count)
    throw new ShapeError({ op: 'vectorToParameters', expected: `a vector of ${count} elements`, received: showShape(vector.shape) });
  noGrad(() => {
    let start = 0;
    for (const p of list) {
      p.copy_(vector.detach().narrow(0, start, p.count).reshape(p.shape));
      start += p.count;
    }
  });
}
