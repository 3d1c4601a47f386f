import './methods.ts';

export * as linalg from './namespace.ts';
export * from './legacy.ts';
export { luUnpack, type LUUnpackOptions } from './lu.ts';
export { det, logdet, slogdet } from './determinant.ts';
export { pinverse } from './pinv.ts';
export { matrixExp } from '@flambeau/core';
export { matrixPower, multiDot as chainMatmul } from './products.ts';
export { geqrf, householderProduct as orgqr, ormqr, type OrmqrOptions, type QRParts } from './qr.ts';
export { inv as inverse } from './solve.ts';
