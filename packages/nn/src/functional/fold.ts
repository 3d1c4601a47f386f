import {
  checkTensor,
  contiguousStrides,
  dispatchOne,
  foldOp,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Tensor,
} from '@flambeau/core';
import { constantPad } from './padding.ts';
import { product, spread, type Size } from './size.ts';

/** How the blocks of `unfold` and `fold` lie. */
export interface BlockOptions {
  /** The size of a block. */
  kernelSize: Size;
  /** The distance of neighboring elements of a block; 1 by default. */
  dilation?: Size;
  /** Zeros on both sides of each spatial dimension; 0 by default. */
  padding?: Size;
  /** How far the next block lies; 1 by default. */
  stride?: Size;
}

interface Blocks {
  readonly kernel: number[];
  readonly dilation: number[];
  readonly padding: number[];
  readonly stride: number[];
}
function readBlocks(op: string, options: BlockOptions): Blocks {
  return {
    kernel: spread(op, 'kernelSize', options.kernelSize, 2, 1),
    dilation: spread(op, 'dilation', options.dilation ?? 1, 2, 1),
    padding: spread(op, 'padding', options.padding ?? 0, 2),
    stride: spread(op, 'stride', options.stride ?? 1, 2, 1),
  };
}

/** How many blocks fit along each dimension. @throws ShapeError when none does. */
function blockCounts(op: string, size: readonly number[], { kernel, dilation, padding, stride }: Blocks): number[] {
  const counts = size.map((n, i) => Math.floor((n + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1);
  if (counts.some((n) => n < 1)) {
    throw new ShapeError({
      op,
      expected: 'blocks that fit into the padded input',
      received: `a kernel ${showShape(kernel)} over ${showShape(size)} with padding ${showShape(padding)}`,
    });
  }
  return counts;
}

/**
 * The sliding blocks of images, each as a column.
 * @param x - shape [N, C, H, W] or [C, H, W]
 * @returns shape [N, C·kH·kW, L], with L blocks
 */
export function unfold(x: Tensor, ...args: Call<BlockOptions, ['kernelSize', 'dilation', 'padding', 'stride']>): Tensor {
  checkTensor('unfold', 'input', x);
  const blocks = readBlocks('unfold', readCall<BlockOptions>('unfold', args, ['kernelSize', 'dilation', 'padding', 'stride']));
  if ((x.ndim !== 3 && x.ndim !== 4) || x.shape.slice(x.ndim - 3).includes(0))
    throw new ShapeError({ op: 'unfold', expected: 'an input [N, C, H, W] or [C, H, W] with elements', received: showShape(x.shape) });
  if (x.ndim === 3) return columns(x.unsqueeze(0), blocks).squeeze(0);
  return columns(x, blocks);
}

function columns(x: Tensor, blocks: Blocks): Tensor {
  const { kernel, dilation, padding, stride } = blocks;
  const counts = blockCounts('unfold', x.shape.slice(2), blocks);
  const padded = constantPad(x, [padding[1], padding[1], padding[0], padding[0]]);
  // [N, C, H, W] → [N, C, oH, oW, kH, kW] → [N, C, kH, kW, oH, oW]
  const view = padded.unfold(2, kernel[0], stride[0], dilation[0]).unfold(3, kernel[1], stride[1], dilation[1]);
  return view.permute(0, 1, 4, 5, 2, 3).reshape([x.shape[0], x.shape[1] * product(kernel), product(counts)]);
}

interface FoldOptions extends BlockOptions {
  /** The spatial sizes of the result. */
  outputSize: Size;
}

/**
 * Adds columns of blocks back to where `unfold` takes them from, summing where they overlap.
 * @param x - shape [N, C·kH·kW, L] or [C·kH·kW, L]
 * @returns shape [N, C, ...outputSize]
 */
export function fold(x: Tensor, ...args: Call<FoldOptions, ['outputSize', 'kernelSize', 'dilation', 'padding', 'stride']>): Tensor {
  checkTensor('fold', 'input', x);
  const options = readCall<FoldOptions>('fold', args, ['outputSize', 'kernelSize', 'dilation', 'padding', 'stride']);
  const size = spread('fold', 'outputSize', options.outputSize, 2, 1);
  const blocks = readBlocks('fold', options);
  if (x.ndim === 2) return blocksToImage(x.unsqueeze(0), size, blocks).squeeze(0);
  return blocksToImage(x, size, blocks);
}

function blocksToImage(x: Tensor, size: number[], blocks: Blocks): Tensor {
  const { kernel, dilation, padding, stride } = blocks;
  const counts = blockCounts('fold', size, blocks);
  if (x.ndim !== 3 || x.shape[1] % product(kernel) !== 0 || x.shape[2] !== product(counts)) {
    throw new ShapeError({
      op: 'fold',
      expected: `an input [N, C·${product(kernel)}, ${product(counts)}] for outputs ${showShape(size)}`,
      received: showShape(x.shape),
    });
  }
  const [n, channels] = [x.shape[0], x.shape[1] / product(kernel)];
  const paddedShape = [n, channels, size[0] + 2 * padding[0], size[1] + 2 * padding[1]];
  const [s0, s1, s2, s3] = contiguousStrides(paddedShape);
  const strides = [s0, s1, s2 * dilation[0], s3 * dilation[1], s2 * stride[0], s3 * stride[1]];
  const image = dispatchOne(foldOp, [x.reshape([n, channels, ...kernel, ...counts])], { shape: paddedShape, strides, offset: 0 });
  return image.narrow(2, padding[0], size[0]).narrow(3, padding[1], size[1]).contiguous();
}
