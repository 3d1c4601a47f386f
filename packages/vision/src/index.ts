export { DatasetFileError, parseIdx, type IdxArray } from './datasets/idx.ts';
export { download, type DatasetDownload, type DownloadOptions, type DownloadProgress, type RemoteFile } from './datasets/download.ts';
export { CIFAR10, CIFAR100, type CIFAROptions } from './datasets/cifar.ts';
export { ImageFolder, type ImageFolderOptions } from './datasets/folder.ts';
export { readImage } from './datasets/image.ts';
export { FashionMNIST, MNIST, type MNISTOptions } from './datasets/mnist.ts';
export * as models from './models/index.ts';
export * as transforms from './transforms/transforms.ts';
