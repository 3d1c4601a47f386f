import { checkTensor, DTypeError, type Tensor } from '@flambeau/core';

// A picture is what decoders and datasets give: pixels [H, W, C], or [H, W] where it is gray, as torchvision's transforms take images of PIL.
// A tensor of an image has its channels first: [..., C, H, W]. Both may have the same shape, so that a picture is marked as one.

const pictures = new WeakSet<Tensor>();

/**
 * Marks pixels [H, W, C] or [H, W] (or a batch of them, for `transform.batch`) as a picture, so that transforms take its first dimensions for
 * height and width. Datasets of this package and `readImage` do so; what transforms make of a picture is one, until ToTensor.
 * @returns the same tensor
 */
export function asPicture(pixels: Tensor): Tensor {
  pictures.add(checkTensor('asPicture', 'the pixels', pixels));
  return pixels;
}

/** True for a picture, [H, W, C] or [H, W]; false for a tensor with its channels first. */
export const isPicture = (image: Tensor): boolean => pictures.has(image);

/** Runs what works on [..., C, H, W] on an image of either kind; a picture gives a picture, a view of what was made. `lead` counts the dimensions of a batch in front. */
export function onChannelsFirst(image: Tensor, lead: 0 | 1, run: (image: Tensor) => Tensor): Tensor {
  if (!isPicture(image)) return run(image);
  const gray = image.ndim === lead + 2;
  const made = run(gray ? image.unsqueeze(-3) : image.movedim(-1, -3));
  return asPicture(gray && made.size(-3) === 1 ? made.squeeze(-3) : made.movedim(-3, -1));
}

/** @throws DTypeError for a picture, where only tensors make sense */
export function checkTensorImage(op: string, image: Tensor): void {
  if (isPicture(image))
    throw new DTypeError({ op, expected: 'a tensor [..., C, H, W]', received: 'a picture [H, W, C]', hint: 'Put a ToTensor before it.' });
}

/** Height and width of an image [..., H, W]. */
export const heightAndWidth = (image: Tensor): [number, number] => [image.size(-2), image.size(-1)];

/** Height and width of an image of either kind; `lead` counts the dimensions of a batch in front. */
export const spatialSize = (image: Tensor, lead: 0 | 1): readonly [number, number] =>
  isPicture(image) ? [image.size(lead), image.size(lead + 1)] : heightAndWidth(image);
