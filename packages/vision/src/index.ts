export { DatasetFileError, parseIdx, type IdxArray } from './datasets/idx.ts';
export { FashionMNIST, MNIST, type MNISTOptions } from './datasets/mnist.ts';
export * as transforms from './transforms/transforms.ts';
