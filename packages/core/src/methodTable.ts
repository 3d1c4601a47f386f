import * as ops from './ops/index.ts';
import { print } from './printing.ts';

/** The functions that are also methods, with the tensor as first argument. A new function becomes a method by its place here. */
// prettier-ignore
export const functions = {
  // casts and devices
  to: ops.to, toAsync: ops.toAsync, float: ops.float, double: ops.double, half: ops.half, bfloat16: ops.bfloat16, int: ops.int, long: ops.long,
  short: ops.short, char: ops.char, byte: ops.byte, bool: ops.bool,
  // views
  view: ops.view, reshape: ops.reshape, clone: ops.clone, contiguous: ops.contiguous, isContiguous: ops.isContiguous, expand: ops.expand,
  expandAs: ops.expandAs, permute: ops.permute, transpose: ops.transpose, t: ops.t, unsqueeze: ops.unsqueeze, squeeze: ops.squeeze,
  select: ops.select, slice: ops.slice, narrow: ops.narrow, alias: ops.alias, diagonal: ops.diagonal, unfold: ops.unfold, asStrided: ops.asStrided,
  flatten: ops.flatten, unflatten: ops.unflatten, movedim: ops.movedim, reshapeAs: ops.reshapeAs, viewAs: ops.viewAs, ravel: ops.ravel,
  sumToSize: ops.sumToSize, moveaxis: ops.moveaxis, swapaxes: ops.swapaxes, swapdims: ops.swapdims, adjoint: ops.adjoint,
  broadcastTo: ops.broadcastTo, narrowCopy: ops.narrowCopy, real: ops.real, conj: ops.conj, conjPhysical: ops.conjPhysical,
  resolveConj: ops.resolveConj, resolveNeg: ops.resolveNeg, unsqueeze_: ops.unsqueeze_, squeeze_: ops.squeeze_, t_: ops.t_,
  transpose_: ops.transpose_, swapaxes_: ops.swapaxes_, swapdims_: ops.swapdims_, asStrided_: ops.asStrided_, resize_: ops.resize_,
  resizeAs_: ops.resizeAs_,
  // arithmetic
  add: ops.add, sub: ops.sub, mul: ops.mul, div: ops.div, floorDivide: ops.floorDivide, remainder: ops.remainder, fmod: ops.fmod, pow: ops.pow,
  maximum: ops.maximum, minimum: ops.minimum, atan2: ops.atan2, copysign: ops.copysign, nextafter: ops.nextafter, lerp: ops.lerp,
  addcmul: ops.addcmul, addcdiv: ops.addcdiv, rsub: ops.rsub, multiply: ops.multiply, subtract: ops.subtract, divide: ops.divide,
  trueDivide: ops.trueDivide, arctan2: ops.arctan2, fmax: ops.fmax, fmin: ops.fmin, hypot: ops.hypot, heaviside: ops.heaviside,
  floatPower: ops.floatPower, ldexp: ops.ldexp, gcd: ops.gcd, lcm: ops.lcm, xlogy: ops.xlogy, logaddexp: ops.logaddexp, logaddexp2: ops.logaddexp2,
  igamma: ops.igamma, igammac: ops.igammac,
  // comparison and logic
  eq: ops.eq, ne: ops.ne, lt: ops.lt, le: ops.le, gt: ops.gt, ge: ops.ge, logicalAnd: ops.logicalAnd, logicalOr: ops.logicalOr,
  logicalXor: ops.logicalXor, bitwiseAnd: ops.bitwiseAnd, bitwiseOr: ops.bitwiseOr, bitwiseXor: ops.bitwiseXor,
  bitwiseLeftShift: ops.bitwiseLeftShift, bitwiseRightShift: ops.bitwiseRightShift, isclose: ops.isclose, allclose: ops.allclose, equal: ops.equal,
  greater: ops.greater, greaterEqual: ops.greaterEqual, less: ops.less, lessEqual: ops.lessEqual, notEqual: ops.notEqual, isin: ops.isin,
  // elementwise
  neg: ops.neg, abs: ops.abs, sign: ops.sign, ceil: ops.ceil, floor: ops.floor, round: ops.round, trunc: ops.trunc, sqrt: ops.sqrt, rsqrt: ops.rsqrt,
  reciprocal: ops.reciprocal, square: ops.square, exp: ops.exp, exp2: ops.exp2, expm1: ops.expm1, log: ops.log, log2: ops.log2, log10: ops.log10,
  log1p: ops.log1p, sin: ops.sin, cos: ops.cos, tan: ops.tan, asin: ops.asin, acos: ops.acos, atan: ops.atan, sinh: ops.sinh, cosh: ops.cosh,
  tanh: ops.tanh, asinh: ops.asinh, acosh: ops.acosh, atanh: ops.atanh, sigmoid: ops.sigmoid, relu: ops.relu, erf: ops.erf, erfc: ops.erfc,
  isnan: ops.isnan, isinf: ops.isinf, isfinite: ops.isfinite, logicalNot: ops.logicalNot, bitwiseNot: ops.bitwiseNot, signbit: ops.signbit,
  clamp: ops.clamp, clampMin: ops.clampMin, clampMax: ops.clampMax, clip: ops.clip, absolute: ops.absolute, negative: ops.negative, fix: ops.fix,
  arccos: ops.arccos, arcsin: ops.arcsin, arctan: ops.arctan, arccosh: ops.arccosh, arcsinh: ops.arcsinh, arctanh: ops.arctanh,
  positive: ops.positive, frac: ops.frac, deg2rad: ops.deg2rad, rad2deg: ops.rad2deg, sgn: ops.sgn, angle: ops.angle, isposinf: ops.isposinf,
  isneginf: ops.isneginf, isreal: ops.isreal, nanToNum: ops.nanToNum, sinc: ops.sinc, logit: ops.logit, frexp: ops.frexp, lgamma: ops.lgamma,
  digamma: ops.digamma, mvlgamma: ops.mvlgamma, i0: ops.i0, erfinv: ops.erfinv, fill: ops.fill,
  // reductions
  sum: ops.sum, mean: ops.mean, prod: ops.prod, amax: ops.amax, amin: ops.amin, argmax: ops.argmax, argmin: ops.argmin, any: ops.any, all: ops.all,
  std: ops.std, varMean: ops.varMean, stdMean: ops.stdMean, softmax: ops.softmax, logSoftmax: ops.logSoftmax, logsumexp: ops.logsumexp,
  aminmax: ops.aminmax, nansum: ops.nansum, nanmean: ops.nanmean, countNonzero: ops.countNonzero, mode: ops.mode, quantile: ops.quantile,
  nanquantile: ops.nanquantile, norm: ops.norm, dist: ops.dist, trace: ops.trace, cov: ops.cov, corrcoef: ops.corrcoef,
  // scans and sorting
  cumsum: ops.cumsum, cumprod: ops.cumprod, cummax: ops.cummax, cummin: ops.cummin, logcumsumexp: ops.logcumsumexp, sort: ops.sort,
  argsort: ops.argsort, msort: ops.msort, topk: ops.topk, kthvalue: ops.kthvalue, diff: ops.diff, bincount: ops.bincount,
  bincountAsync: ops.bincountAsync, histc: ops.histc, histogram: ops.histogram, uniqueAsync: ops.uniqueAsync,
  uniqueConsecutiveAsync: ops.uniqueConsecutiveAsync,
  // matrix products
  matmul: ops.matmul, mm: ops.mm, bmm: ops.bmm, mv: ops.mv, dot: ops.dot, vdot: ops.vdot, outer: ops.outer, ger: ops.ger, addmm: ops.addmm,
  baddbmm: ops.baddbmm, addmv: ops.addmv, addr: ops.addr, addbmm: ops.addbmm, inner: ops.inner, tensordot: ops.tensordot, kron: ops.kron,
  cross: ops.cross, matrixExp: ops.matrixExp, matrixPower: ops.matrixPower, renorm: ops.renorm,
  // joining and splitting
  split: ops.split, splitWithSizes: ops.splitWithSizes, chunk: ops.chunk, tensorSplit: ops.tensorSplit, hsplit: ops.hsplit, vsplit: ops.vsplit,
  dsplit: ops.dsplit, unbind: ops.unbind, repeat: ops.repeat, repeatInterleave: ops.repeatInterleave,
  repeatInterleaveAsync: ops.repeatInterleaveAsync, tile: ops.tile, flip: ops.flip, fliplr: ops.fliplr, flipud: ops.flipud, rot90: ops.rot90,
  roll: ops.roll, unsafeChunk: ops.unsafeChunk, unsafeSplit: ops.unsafeSplit, tril: ops.tril, triu: ops.triu, diag: ops.diag,
  diagEmbed: ops.diagEmbed, diagflat: ops.diagflat,
  // indexing
  gather: ops.gather, scatter: ops.scatter, scatterAdd: ops.scatterAdd, scatterReduce: ops.scatterReduce, indexSelect: ops.indexSelect,
  indexAdd: ops.indexAdd, indexCopy: ops.indexCopy, indexFill: ops.indexFill, indexPut: ops.indexPut, indexReduce: ops.indexReduce, put: ops.put,
  take: ops.take, takeAlongDim: ops.takeAlongDim, maskedFill: ops.maskedFill, maskedScatter: ops.maskedScatter, maskedSelect: ops.maskedSelect,
  maskedSelectAsync: ops.maskedSelectAsync, nonzeroAsync: ops.nonzeroAsync, argwhere: ops.argwhere, argwhereAsync: ops.argwhereAsync,
  nonzeroStatic: ops.nonzeroStatic, at: ops.at, setAt: ops.setAt, diagonalScatter: ops.diagonalScatter, selectScatter: ops.selectScatter,
  sliceScatter: ops.sliceScatter, asStridedScatter: ops.asStridedScatter,
  // creation after this tensor
  newZeros: ops.newZeros, newOnes: ops.newOnes, newEmpty: ops.newEmpty, newEmptyStrided: ops.newEmptyStrided, newFull: ops.newFull,
  newTensor: ops.newTensor, newInt32: ops.newInt32,
  // in place
  copy_: ops.copy_, fill_: ops.fill_, zero_: ops.zero_, add_: ops.add_, sub_: ops.sub_, mul_: ops.mul_, div_: ops.div_, pow_: ops.pow_,
  fillDiagonal_: ops.fillDiagonal_, uniform_: ops.uniform_, normal_: ops.normal_, bernoulli_: ops.bernoulli_, exponential_: ops.exponential_,
  random_: ops.random_, bernoulli: ops.bernoulli, cauchy_: ops.cauchy_, logNormal_: ops.logNormal_, geometric_: ops.geometric_,
  multinomial: ops.multinomial, apply_: ops.apply_, map_: ops.map_,
  // reading
  readData: ops.readData, dataSync: ops.dataSync, toArray: ops.toArray, toArraySync: ops.toArraySync, tolist: ops.tolist, numpy: ops.numpy, print,
  dispose: ops.dispose,
  // questions
  isFloatingPoint: ops.isFloatingPoint, isComplex: ops.isComplex, isSigned: ops.isSigned, isNonzero: ops.isNonzero, isSameSize: ops.isSameSize,
  nelement: ops.nelement, ndimension: ops.ndimension, storageOffset: ops.storageOffset, elementSize: ops.elementSize, typeAs: ops.typeAs,
};
