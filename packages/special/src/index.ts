export * as special from './namespace.ts';
export * from './namespace.ts';
