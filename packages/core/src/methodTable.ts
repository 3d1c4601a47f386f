// The functions that are also methods, with the tensor as first argument. A new function becomes a method by its name here.
// prettier-ignore
export {
  // casts and devices
  to, toAsync, float, double, half, bfloat16, int, long, short, char, byte, bool,
  // views
  view, reshape, clone, contiguous, isContiguous, expand, expandAs, permute, transpose, t, unsqueeze, squeeze, select, slice, narrow,
  alias, diagonal, unfold, asStrided, flatten, unflatten, movedim, reshapeAs, viewAs, ravel, sumToSize, moveaxis, swapaxes, swapdims,
  adjoint, broadcastTo, narrowCopy, real, conj, conjPhysical, resolveConj, resolveNeg, unsqueeze_, squeeze_, t_, transpose_, swapaxes_,
  swapdims_, asStrided_, resize_, resizeAs_,
  // arithmetic
  add, sub, mul, div, floorDivide, remainder, fmod, pow, maximum, minimum, atan2, copysign, nextafter, lerp, addcmul, addcdiv, rsub,
  multiply, subtract, divide, trueDivide, arctan2, fmax, fmin, hypot, heaviside, floatPower, ldexp, gcd, lcm, xlogy, logaddexp, logaddexp2,
  igamma, igammac,
  // comparison and logic
  eq, ne, lt, le, gt, ge, logicalAnd, logicalOr, logicalXor, bitwiseAnd, bitwiseOr, bitwiseXor, bitwiseLeftShift, bitwiseRightShift,
  isclose, allclose, equal, greater, greaterEqual, less, lessEqual, notEqual, isin,
  // elementwise
  neg, abs, sign, ceil, floor, round, trunc, sqrt, rsqrt, reciprocal, square, exp, exp2, expm1, log, log2, log10, log1p, sin, cos, tan,
  asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh, sigmoid, relu, erf, erfc, isnan, isinf, isfinite, logicalNot, bitwiseNot,
  signbit, clamp, clampMin, clampMax, clip, absolute, negative, fix, arccos, arcsin, arctan, arccosh, arcsinh, arctanh, positive, frac,
  deg2rad, rad2deg, sgn, angle, isposinf, isneginf, isreal, nanToNum, sinc, logit, frexp, lgamma, digamma, mvlgamma, i0, erfinv, fill,
  // reductions
  sum, mean, prod, amax, amin, argmax, argmin, any, all, std, varMean, stdMean, softmax, logSoftmax, logsumexp, aminmax, nansum, nanmean,
  countNonzero, mode, quantile, nanquantile, norm, dist, trace, cov, corrcoef,
  // scans and sorting
  cumsum, cumprod, cummax, cummin, logcumsumexp, sort, argsort, msort, topk, kthvalue, diff, bincount, bincountAsync, histc, histogram,
  uniqueAsync, uniqueConsecutiveAsync,
  // matrix products
  matmul, mm, bmm, mv, dot, vdot, outer, ger, addmm, baddbmm, addmv, addr, addbmm, inner, tensordot, kron, cross, matrixExp, matrixPower,
  renorm,
  // joining and splitting
  split, splitWithSizes, chunk, tensorSplit, hsplit, vsplit, dsplit, unbind, repeat, repeatInterleave, repeatInterleaveAsync, tile, flip,
  fliplr, flipud, rot90, roll, unsafeChunk, unsafeSplit, tril, triu, diag, diagEmbed, diagflat,
  // indexing
  gather, scatter, scatterAdd, scatterReduce, indexSelect, indexAdd, indexCopy, indexFill, indexPut, indexReduce, put, take, takeAlongDim,
  maskedFill, maskedScatter, maskedSelect, maskedSelectAsync, nonzeroAsync, argwhere, argwhereAsync, nonzeroStatic, at, setAt,
  diagonalScatter, selectScatter, sliceScatter, asStridedScatter,
  // creation after this tensor
  newZeros, newOnes, newEmpty, newEmptyStrided, newFull, newTensor, newInt32,
  // in place
  copy_, fill_, zero_, add_, sub_, mul_, div_, pow_, fillDiagonal_, uniform_, normal_, bernoulli_, exponential_, random_, bernoulli,
  cauchy_, logNormal_, geometric_, multinomial, apply_, map_,
  // reading
  readData, dataSync, toArray, toArraySync, tolist, numpy, dispose,
  // questions
  isFloatingPoint, isComplex, isSigned, isNonzero, isSameSize, nelement, ndimension, storageOffset, elementSize, typeAs,
} from './ops/index.ts';
export { print } from './printing.ts';
