import {
  ArgumentError,
  checkNumber,
  defaultGenerator,
  describe,
  isFloat,
  limits,
  permutationValues,
  randn,
  readOptions,
  type Tensor,
} from '@flambeau/core';
import { checkProbability, checkRange } from './checks.ts';
import { checkTensorImage, heightAndWidth, onChannelsFirst } from './picture.ts';
import { below, chance, uniform, type Transform, type TransformRecipe } from './transform.ts';

// Transforms that change values, of floats from 0 to 1 or uint8 from 0 to 255: tensors [..., C, H, W] and pictures [H, W, C].

const brightest = (image: Tensor): number => (isFloat(image.dtype) ? 1 : limits(image.dtype).max);

/** `ratio·a + (1 - ratio)·b`, kept inside the range of the image. */
function blend(a: Tensor, b: Tensor, ratio: number): Tensor {
  const mixed = a.to('float32').mul(ratio).add(b.to('float32').mul(1 - ratio)).clamp(0, brightest(a)); // prettier-ignore
  return mixed.to(a.dtype);
}

/** The luminance of RGB: 0.2989 R + 0.587 G + 0.114 B, one channel. */
function luminance(image: Tensor): Tensor {
  if (image.size(-3) === 1) return image;
  // In this order, for the sum is cut off to an integer where the image has integers.
  const [r, g, b] = image.to('float32').split(1, -3);
  return r.mul(0.2989).add(g.mul(0.587)).add(b.mul(0.114)).to(image.dtype); // prettier-ignore
}

/** Gray images of one channel, or of three equal ones. */
export class Grayscale implements Transform {
  readonly recipe: TransformRecipe;
  private readonly channels: 1 | 3;

  constructor(numOutputChannels: 1 | 3 = 1) {
    if (numOutputChannels !== 1 && numOutputChannels !== 3)
      throw new ArgumentError({ op: 'Grayscale', expected: '1 or 3 channels', received: describe(numOutputChannels) });
    this.recipe = ['Grayscale', numOutputChannels];
    this.channels = numOutputChannels;
  }

  apply(image: Tensor): Tensor {
    return onChannelsFirst(image, 0, (x) => this.gray(x));
  }

  batch(images: Tensor): Tensor {
    return onChannelsFirst(images, 1, (x) => this.gray(x));
  }

  private gray(image: Tensor): Tensor {
    const gray = luminance(image);
    return this.channels === 1 ? gray : gray.expand([...image.shape.slice(0, -3), 3, ...image.shape.slice(-2)]);
  }
}

/** Turns the hue of RGB [..., 3, H, W] from 0 to 1 by a part of the circle. */
function turnHue(image: Tensor, by: number): Tensor {
  const [r, g, b] = image.unbind(-3);
  const [high, low] = [image.amax(-3), image.amin(-3)];
  const range = high.sub(low);
  const divisor = range.eq(0).where(1, range);
  const flat = range.eq(0);
  const share = (x: Tensor): Tensor => high.sub(x).div(divisor);
  const hueOf = r.eq(high).where(share(b).sub(share(g)), g.eq(high).where(share(r).add(2).sub(share(b)), share(g).add(4).sub(share(r))));
  const hue = flat.where(0, hueOf).div(6).add(1).fmod(1).add(by).remainder(1); // prettier-ignore
  const saturation = range.div(high.eq(0).where(1, high));
  const sector = hue.mul(6).floor();
  const rest = hue.mul(6).sub(sector);
  const p = high.mul(saturation.neg().add(1));
  const q = high.mul(saturation.mul(rest).neg().add(1));
  const t = high.mul(saturation.mul(rest.neg().add(1)).neg().add(1));
  const pick = (choices: readonly Tensor[]): Tensor => choices.reduce((chosen, value, i) => sector.remainder(6).eq(i).where(value, chosen));
  return pick([high, q, p, p, t, high]).unsqueeze(-3).cat([pick([t, high, high, q, p, p]).unsqueeze(-3), pick([p, p, t, high, high, q]).unsqueeze(-3)], -3); // prettier-ignore
}

type Range = readonly [number, number];

function range(name: string, value: number | Range | undefined, center: number, least: number, most: number): Range | undefined {
  if (value === undefined || value === 0) return undefined;
  const [low, high] = Array.isArray(value) ? (value as readonly unknown[] as Range) : [Math.max(center - checkNumber('ColorJitter', name, value), least), center + checkNumber('ColorJitter', name, value)]; // prettier-ignore
  if (!(low <= high && low >= least && high <= most))
    throw new ArgumentError({ op: 'ColorJitter', expected: `${name} within [${least}, ${most}]`, received: String(value) });
  return [low, high];
}

/** Changes brightness, contrast, saturation and hue at random, in random order. A number d stands for [1 - d, 1 + d], for hue [-d, d]. */
export class ColorJitter implements Transform {
  readonly recipe: TransformRecipe;
  private readonly ranges: readonly (Range | undefined)[];

  constructor(options: { brightness?: number | Range; contrast?: number | Range; saturation?: number | Range; hue?: number | Range } = {}) {
    readOptions<typeof options>('ColorJitter', options, ['brightness', 'contrast', 'saturation', 'hue']);
    this.recipe = ['ColorJitter', options];
    this.ranges = [
      range('brightness', options.brightness, 1, 0, Infinity),
      range('contrast', options.contrast, 1, 0, Infinity),
      range('saturation', options.saturation, 1, 0, Infinity),
      range('hue', options.hue, 0, -0.5, 0.5),
    ];
  }

  apply(image: Tensor): Tensor {
    const order = permutationValues(4, defaultGenerator);
    const factors = this.ranges.map((r) => (r === undefined ? undefined : uniform(...r)));
    return onChannelsFirst(image, 0, (channelsFirst) =>
      order.reduce((x, which) => {
        const factor = factors[which];
        return factor === undefined ? x : adjust(x, which, factor);
      }, channelsFirst),
    );
  }
}

function adjust(image: Tensor, which: number, factor: number): Tensor {
  if (which === 0) return blend(image, image.mul(0), factor);
  if (which === 1) return blend(image, luminance(image).to('float32').mean([-3, -2, -1], { keepdim: true }), factor); // prettier-ignore
  if (which === 2) return image.size(-3) === 1 ? image : blend(image, luminance(image), factor);
  if (image.size(-3) === 1) return image;
  if (isFloat(image.dtype)) return turnHue(image.to('float32'), factor).to(image.dtype);
  // As in ConvertImageDtype, each of the integers gets an equal part of the range from 0 to 1.
  const most = brightest(image);
  return turnHue(image.to('float32').div(most), factor).mul(most + 1 - 1e-3).to(image.dtype); // prettier-ignore
}

/** Overwrites a random rectangle with probability p: with a value, or with normal noise. @see Zhong et al. 2020 */
export class RandomErasing implements Transform {
  readonly recipe: TransformRecipe;
  private readonly p: number;
  private readonly area: Range;
  private readonly ratio: Range;
  private readonly value: number | 'random';

  constructor(options: { p?: number; scale?: Range; ratio?: Range; value?: number | 'random' } = {}) {
    const op = 'RandomErasing';
    const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = readOptions<typeof options>(op, options, ['p', 'scale', 'ratio', 'value']); // prettier-ignore
    this.recipe = [op, options];
    this.p = checkProbability(op, p);
    this.area = checkRange(op, 'scale', scale, 0);
    this.ratio = checkRange(op, 'ratio', ratio, Number.MIN_VALUE);
    this.value = value === 'random' ? value : checkNumber(op, "a value that is not 'random'", value);
  }

  apply(image: Tensor): Tensor {
    checkTensorImage('RandomErasing', image);
    if (!chance(this.p)) return image;
    const [h, w] = heightAndWidth(image);
    for (let attempt = 0; attempt < 10; attempt++) {
      const target = h * w * uniform(...this.area);
      const ratio = Math.exp(uniform(Math.log(this.ratio[0]), Math.log(this.ratio[1])));
      const [height, width] = [Math.round(Math.sqrt(target * ratio)), Math.round(Math.sqrt(target / ratio))];
      if (!(height < h && width < w)) continue;
      const noise = this.value === 'random' ? randn([image.size(-3), height, width], { device: image.device }).to(image.dtype) : undefined;
      const top = below(h - height + 1);
      const left = below(w - width + 1);
      const erased = image.clone();
      const region = erased.narrow(-2, top, height).narrow(-1, left, width);
      if (noise !== undefined) region.copy_(noise);
      else region.fill_(this.value as number);
      return erased;
    }
    return image;
  }
}
