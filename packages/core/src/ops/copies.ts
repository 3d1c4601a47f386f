import type { Tensor } from '../tensor.ts';
import { alias, narrow, select } from './slicing.ts';
import { splitWithSizes, unbind } from './splitting.ts';
import { asStrided, diagonal, unfold } from './strided.ts';
import { expand, permute, squeeze, t, transpose, unsqueeze, view } from './views.ts';

// PyTorch's `*_copy` functions: what a view names, in a storage of its own.

/** Makes the copying form of a view; it takes what the view takes. */
const copied =
  <Rest extends unknown[]>(of: (x: Tensor, ...rest: Rest) => Tensor): ((x: Tensor, ...rest: Rest) => Tensor) =>
  (x, ...rest) =>
    of(x, ...rest).clone();

/** The same for a view that gives several tensors. */
const copiedEach =
  <Rest extends unknown[]>(of: (x: Tensor, ...rest: Rest) => Tensor[]): ((x: Tensor, ...rest: Rest) => Tensor[]) =>
  (x, ...rest) =>
    of(x, ...rest).map((part) => part.clone());

type Copied<F> = F extends (x: Tensor, ...rest: infer Rest) => infer Result ? (x: Tensor, ...rest: Rest) => Result : never;

/** A copy of the tensor. */
export const aliasCopy: Copied<typeof alias> = copied(alias);
/** `asStrided` as a copy. */
export const asStridedCopy: Copied<typeof asStrided> = copied(asStrided);
/** `diagonal` as a copy. */
export const diagonalCopy: Copied<typeof diagonal> = copied(diagonal);
/** `expand` as a copy, in which every element has a place of its own. */
export const expandCopy: Copied<typeof expand> = copied(expand);
/** `narrow` as a copy. */
export const narrowCopy: Copied<typeof narrow> = copied(narrow);
/** `permute` as a copy. */
export const permuteCopy: Copied<typeof permute> = copied(permute);
/** `select` as a copy. */
export const selectCopy: Copied<typeof select> = copied(select);
/** `squeeze` as a copy. */
export const squeezeCopy: Copied<typeof squeeze> = copied(squeeze);
/** `t` as a copy. */
export const tCopy: Copied<typeof t> = copied(t);
/** `transpose` as a copy. */
export const transposeCopy: Copied<typeof transpose> = copied(transpose);
/** `unfold` as a copy. */
export const unfoldCopy: Copied<typeof unfold> = copied(unfold);
/** `unsqueeze` as a copy. */
export const unsqueezeCopy: Copied<typeof unsqueeze> = copied(unsqueeze);
/** `view` as a copy. */
export const viewCopy: Copied<typeof view> = copied(view);
/** `splitWithSizes` as copies. */
export const splitWithSizesCopy: Copied<typeof splitWithSizes> = copiedEach(splitWithSizes);
/** `unbind` as copies. */
export const unbindCopy: Copied<typeof unbind> = copiedEach(unbind);
