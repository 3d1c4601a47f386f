import {
  ArgumentError,
  checkIterable,
  checkTensor,
  describe,
  internalScope,
  ones,
  readCall,
  stack,
  Tensor,
  ValueError,
  zeros,
  type Call,
  valuesNow,
} from '@flambeau/core';
import { noGrad, peekGrad } from '@flambeau/autograd';

/** Options of norms of gradients. */
export interface TotalNormOptions {
  /** The order of the norm: 2 by default, `Infinity` for the largest magnitude. */
  normType?: number;
  /** Throws when the norm is NaN or infinite; reads the value, so the device must be one that can be read without waiting. */
  errorIfNonfinite?: boolean;
}

/** The p-norm of all elements, as a scalar tensor. */
function vectorNorm(x: Tensor, p: number): Tensor {
  if (x.count === 0) return zeros([], { dtype: x.dtype, device: x.device });
  if (p === Infinity) return x.abs().amax();
  if (p === -Infinity) return x.abs().amin();
  if (p === 0) return x.ne(0).sum().to(x.dtype);
  if (p === 1) return x.abs().sum();
  return p === 2
    ? x.square().sum().sqrt()
    : x
        .abs()
        .pow(p)
        .sum()
        .pow(1 / p);
}

const asList = (op: string, tensors: Iterable<Tensor> | Tensor): Tensor[] => {
  const list = tensors instanceof Tensor ? [tensors] : checkIterable(op, 'the tensors', tensors);
  for (const x of list) if (!(x instanceof Tensor)) throw new ArgumentError({ op, expected: 'tensors', received: describe(x) });
  return list;
};

function totalNorm(tensors: readonly Tensor[], normType: number, errorIfNonfinite: boolean): Tensor {
  if (typeof normType !== 'number' || Number.isNaN(normType))
    throw new ArgumentError({ op: 'getTotalNorm', expected: 'normType as a number', received: describe(normType) });
  if (tensors.length === 0) return zeros([]);
  // On several devices the norms meet on that of the first tensor.
  const total = vectorNorm(stack(tensors.map((x) => vectorNorm(x, normType).to(tensors[0].device))), normType);
  if (
    errorIfNonfinite &&
    !Number.isFinite(Number(valuesNow('clipGradNorm_', total, 'Leave errorIfNonfinite out, and look at the norm that comes back.')[0]))
  ) {
    throw new ValueError({
      op: 'clipGradNorm_',
      expected: 'a finite norm of the gradients',
      received: String(total.itemSync()),
      hint: 'Look for the NaN with detectAnomaly, or clip without errorIfNonfinite.',
    });
  }
  return total;
}

/** The norm of all elements of tensors, as if they were one vector. */
export function getTotalNorm(
  tensors: Iterable<Tensor> | Tensor,
  ...args: Call<TotalNormOptions, ['normType', 'errorIfNonfinite']>
): Tensor {
  const { normType = 2, errorIfNonfinite = false } = readCall<TotalNormOptions>('getTotalNorm', args, ['normType', 'errorIfNonfinite']);
  return noGrad(() => only(internalScope(() => [totalNorm(asList('getTotalNorm', tensors), normType, errorIfNonfinite)])));
}

const only = ([x]: readonly (Tensor | undefined)[]): Tensor => x ?? zeros([]);

const gradientsOf = (op: string, parameters: Iterable<Tensor> | Tensor): Tensor[] =>
  asList(op, parameters).map(peekGrad).filter((g) => g !== undefined); // prettier-ignore

function scaleGradients(gradients: readonly Tensor[], maxNorm: number, total: Tensor): void {
  // The factor stays a tensor, so that no device has to be waited for; 1 where the norm is small enough.
  const factor = ones([], { dtype: total.dtype, device: total.device }).mul(maxNorm).div(total.add(1e-6)).clamp(null, 1); // prettier-ignore
  for (const g of gradients) g.mul_(factor.to(g.device, g.dtype));
}

const checkMaximum = (op: string, name: string, value: unknown): void => {
  if (typeof value !== 'number' || !(value >= 0))
    throw new ArgumentError({ op, expected: `${name} as a number of at least 0`, received: describe(value) });
};

/**
 * Scales the gradients of parameters in place, so that their norm, taken over all of them together, is at most `maxNorm`.
 * @returns the norm before, as a scalar tensor
 * @throws ValueError for a norm that is not finite, with `errorIfNonfinite`; nothing is changed then
 */
export function clipGradNorm_(
  parameters: Iterable<Tensor> | Tensor,
  maxNorm: number,
  ...args: Call<TotalNormOptions, ['normType', 'errorIfNonfinite']>
): Tensor {
  const { normType = 2, errorIfNonfinite = false } = readCall<TotalNormOptions>('clipGradNorm_', args, ['normType', 'errorIfNonfinite']);
  checkMaximum('clipGradNorm_', 'maxNorm', maxNorm);
  return noGrad(() =>
    only(
      internalScope(() => {
        const gradients = gradientsOf('clipGradNorm_', parameters);
        const total = totalNorm(gradients, normType, errorIfNonfinite);
        scaleGradients(gradients, maxNorm, total);
        return [total];
      }),
    ),
  );
}

/** Scales the gradients of parameters in place by `maxNorm / totalNorm` where that is below 1, for a norm that is known. */
export function clipGradsWithNorm_(parameters: Iterable<Tensor> | Tensor, maxNorm: number, total: Tensor): void {
  checkMaximum('clipGradsWithNorm_', 'maxNorm', maxNorm);
  checkTensor('clipGradsWithNorm_', 'totalNorm', total);
  noGrad(() =>
    internalScope(() => {
      scaleGradients(gradientsOf('clipGradsWithNorm_', parameters), maxNorm, total);
      return [];
    }),
  );
}

/** Limits every element of the gradients of parameters to ±`clipValue`, in place. */
export function clipGradValue_(parameters: Iterable<Tensor> | Tensor, clipValue: number): void {
  checkMaximum('clipGradValue_', 'clipValue', clipValue);
  noGrad(() => {
    for (const g of gradientsOf('clipGradValue_', parameters)) g.clamp_(-clipValue, clipValue);
  });
}
