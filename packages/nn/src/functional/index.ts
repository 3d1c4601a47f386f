export { linear } from '@flambeau/core';
export * from './activation.ts';
export * from './convolution.ts';
export * from './embedding.ts';
export * from './loss.ts';
export * from './normalization.ts';
export * from './padding.ts';
export * from './pooling.ts';
export * from './recurrent.ts';
