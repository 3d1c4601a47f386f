import { readCall, type Call, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { spread } from '../functional/size.ts';
import { Module } from '../module.ts';
import { python, tuple } from './repr.ts';

interface PadOptions {
  /** A number for all sides, or [left, right, top, bottom, ...] from the last dimension backwards. */
  padding: number | readonly number[];
}
interface ConstantPadOptions extends PadOptions {
  /** What fills the new places. */
  value: number;
}

/** What padding layers have in common. */
interface PadLayer extends Module {
  /** [left, right, top, bottom, ...]. */
  readonly padding: readonly number[];
  forward(x: Tensor): Tensor;
}

/** A layer that pads `dims` dimensions in one mode. */
function padLayer(dims: 1 | 2 | 3, mode: F.PaddingMode): new (...args: Call<PadOptions, ['padding']>) => PadLayer {
  return class extends Module implements PadLayer {
    readonly padding: readonly number[];

    constructor(...args: Call<PadOptions, ['padding']>) {
      super();
      const name = this.constructor.name;
      const { padding } = readCall<PadOptions>(name, args, ['padding']);
      this.padding = spread(name, 'padding', padding, 2 * dims, -Infinity);
    }

    forward(x: Tensor): Tensor {
      return F.pad(x, this.padding, mode);
    }

    override extraRepr(): string {
      return tuple(this.padding);
    }
  };
}

/** Mirrors the last dimension of [N, C, L] at its ends, without repeating them. */
export class ReflectionPad1d extends /* @__PURE__ */ padLayer(1, 'reflect') {}
/** Mirrors the last two dimensions at their edges. */
export class ReflectionPad2d extends /* @__PURE__ */ padLayer(2, 'reflect') {}
/** Mirrors the last three dimensions. */
export class ReflectionPad3d extends /* @__PURE__ */ padLayer(3, 'reflect') {}
/** Repeats the ends of the last dimension. */
export class ReplicationPad1d extends /* @__PURE__ */ padLayer(1, 'replicate') {}
/** Repeats the edges of the last two dimensions. */
export class ReplicationPad2d extends /* @__PURE__ */ padLayer(2, 'replicate') {}
/** Repeats the edges of the last three dimensions. */
export class ReplicationPad3d extends /* @__PURE__ */ padLayer(3, 'replicate') {}
/** Goes on at the other end of the last dimension. */
export class CircularPad1d extends /* @__PURE__ */ padLayer(1, 'circular') {}
/** Goes on at the other side of the last two dimensions. */
export class CircularPad2d extends /* @__PURE__ */ padLayer(2, 'circular') {}
/** Goes on at the other side of the last three dimensions. */
export class CircularPad3d extends /* @__PURE__ */ padLayer(3, 'circular') {}
/** Surrounds the last dimension with zeros. */
export class ZeroPad1d extends /* @__PURE__ */ padLayer(1, 'constant') {}
/** Surrounds the last two dimensions with zeros. */
export class ZeroPad2d extends /* @__PURE__ */ padLayer(2, 'constant') {}
/** Surrounds the last three dimensions with zeros. */
export class ZeroPad3d extends /* @__PURE__ */ padLayer(3, 'constant') {}

/** A layer that surrounds `dims` dimensions with a value. */
function constantPadLayer(
  dims: 1 | 2 | 3,
): new (...args: Call<ConstantPadOptions, ['padding', 'value']>) => PadLayer & { readonly value: number } {
  return class extends Module implements PadLayer {
    readonly padding: readonly number[];
    readonly value: number;

    constructor(...args: Call<ConstantPadOptions, ['padding', 'value']>) {
      super();
      const name = this.constructor.name;
      const { padding, value } = readCall<ConstantPadOptions>(name, args, ['padding', 'value']);
      this.padding = spread(name, 'padding', padding, 2 * dims, -Infinity);
      this.value = value;
    }

    forward(x: Tensor): Tensor {
      return F.pad(x, this.padding, 'constant', this.value);
    }

    override extraRepr(): string {
      return `padding=${tuple(this.padding)}, value=${python(this.value)}`;
    }
  };
}
/** Surrounds the last dimension with a value. */
export class ConstantPad1d extends /* @__PURE__ */ constantPadLayer(1) {}
/** Surrounds the last two dimensions with a value. */
export class ConstantPad2d extends /* @__PURE__ */ constantPadLayer(2) {}
/** Surrounds the last three dimensions with a value. */
export class ConstantPad3d extends /* @__PURE__ */ constantPadLayer(3) {}
