// The functions of torch.special; those that core has anyway under their names there.
export {
  digamma,
  digamma as psi,
  erf,
  erfc,
  erfinv,
  exp2,
  expm1,
  i0,
  i1,
  igamma as gammainc,
  igammac as gammaincc,
  lgamma as gammaln,
  log1p,
  logit,
  logSoftmax,
  logsumexp,
  mvlgamma as multigammaln,
  round,
  sigmoid as expit,
  sinc,
  softmax,
  xlogy,
} from '@flambeau/core';
export * from './bessel.ts';
export { polygamma } from './polygamma.ts';
export { entr, xlog1py, zeta } from './information.ts';
export { erfcx, logNdtr, ndtr, ndtri } from './normal.ts';
export * from './polynomials.ts';
