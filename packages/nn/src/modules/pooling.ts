import { ArgumentError, readCall, type Call, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { spread, type Size } from '../functional/size.ts';
import { Module } from '../module.ts';
import { Buffer } from '../parameter.ts';
import { bool, python } from './repr.ts';

type MaxPoolArguments = Call<F.MaxPoolOptions, ['kernelSize', 'stride', 'padding', 'dilation', 'returnIndices', 'ceilMode']>;

abstract class MaxPoolNd extends Module {
  static readonly familyKeepsNoTensor = true;
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size;
  readonly dilation: Size;
  readonly returnIndices: boolean;
  readonly ceilMode: boolean;

  /** Arguments: kernelSize, stride, padding, dilation, returnIndices, ceilMode, in this order or by name. */
  constructor(...args: MaxPoolArguments) {
    super();
    const names = ['kernelSize', 'stride', 'padding', 'dilation', 'returnIndices', 'ceilMode'];
    const options = readCall<F.MaxPoolOptions>(this.constructor.name, args, names);
    spread(this.constructor.name, 'kernelSize', options.kernelSize, Array.isArray(options.kernelSize) ? options.kernelSize.length : 1, 1);
    this.kernelSize = options.kernelSize;
    this.stride = options.stride ?? options.kernelSize;
    this.padding = options.padding ?? 0;
    this.dilation = options.dilation ?? 1;
    this.returnIndices = options.returnIndices ?? false;
    this.ceilMode = options.ceilMode ?? false;
  }

  protected abstract readonly pool: F.MaxPool;

  /** The maxima; with `returnIndices` a pair of them and their places, which the type leaves out for the sake of the common case. */
  forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, returnIndices, ceilMode } = this;
    return this.pool(x, { kernelSize, stride, padding, dilation, returnIndices, ceilMode }) as Tensor;
  }

  override extraRepr(): string {
    return `kernel_size=${python(this.kernelSize)}, stride=${python(this.stride)}, padding=${python(this.padding)}, dilation=${python(this.dilation)}, ceil_mode=${bool(this.ceilMode)}`;
  }
}

/** The maximum of each window over the last dimension. */
export class MaxPool1d extends MaxPoolNd {
  protected get pool(): F.MaxPool {
    return F.maxPool1d;
  }
}
/** The maximum of each window over the last two dimensions: `new MaxPool2d(2)` halves height and width. */
export class MaxPool2d extends MaxPoolNd {
  protected get pool(): F.MaxPool {
    return F.maxPool2d;
  }
}
/** The maximum of each window over the last three dimensions. */
export class MaxPool3d extends MaxPoolNd {
  protected get pool(): F.MaxPool {
    return F.maxPool3d;
  }
}

type UnpoolOptions = Omit<F.MaxUnpoolOptions, 'outputSize' | 'indices'>;
type UnpoolArguments = Call<UnpoolOptions, ['kernelSize', 'stride', 'padding']>;
type Unpool = typeof F.maxUnpool1d;

abstract class MaxUnpoolNd extends Module {
  static readonly familyKeepsNoTensor = true;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];

  constructor(dims: number, args: UnpoolArguments) {
    super();
    const name = this.constructor.name;
    const options = readCall<UnpoolOptions>(name, args, ['kernelSize', 'stride', 'padding']);
    this.kernelSize = spread(name, 'kernelSize', options.kernelSize, dims, 1);
    this.stride = spread(name, 'stride', options.stride ?? options.kernelSize, dims, 1);
    this.padding = spread(name, 'padding', options.padding ?? 0, dims);
  }

  protected abstract readonly unpool: Unpool;

  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[] | null): Tensor {
    const { kernelSize, stride, padding } = this;
    return this.unpool(x, indices, { kernelSize, stride, padding, outputSize });
  }

  override extraRepr(): string {
    return `kernel_size=${python(this.kernelSize)}, stride=${python(this.stride)}, padding=${python(this.padding)}`;
  }
}

/** Puts values back to where `MaxPool1d` found them. */
export class MaxUnpool1d extends MaxUnpoolNd {
  /** Arguments: kernelSize, stride, padding, in this order or by name: those of the pooling that is undone. */
  constructor(...args: UnpoolArguments) {
    super(1, args);
  }

  protected get unpool(): Unpool {
    return F.maxUnpool1d;
  }
}
/** Puts values back to where `MaxPool2d` found them. */
export class MaxUnpool2d extends MaxUnpoolNd {
  /** Arguments: kernelSize, stride, padding, in this order or by name: those of the pooling that is undone. */
  constructor(...args: UnpoolArguments) {
    super(2, args);
  }

  protected get unpool(): Unpool {
    return F.maxUnpool2d;
  }
}
/** Puts values back to where `MaxPool3d` found them. */
export class MaxUnpool3d extends MaxUnpoolNd {
  /** Arguments: kernelSize, stride, padding, in this order or by name: those of the pooling that is undone. */
  constructor(...args: UnpoolArguments) {
    super(3, args);
  }

  protected get unpool(): Unpool {
    return F.maxUnpool3d;
  }
}

abstract class AdaptiveMaxPoolNd extends Module {
  static readonly familyKeepsNoTensor = true;
  readonly outputSize: F.OutputSize;
  readonly returnIndices: boolean;

  constructor(...args: Call<F.AdaptiveMaxPoolOptions, ['outputSize', 'returnIndices']>) {
    super();
    const options = readCall<F.AdaptiveMaxPoolOptions>(this.constructor.name, args, ['outputSize', 'returnIndices']);
    this.outputSize = options.outputSize;
    this.returnIndices = options.returnIndices ?? false;
  }

  override extraRepr(): string {
    return `output_size=${python(this.outputSize)}`;
  }
}
/** The maximum over as many cells of the last dimension as `outputSize` says. */
export class AdaptiveMaxPool1d extends AdaptiveMaxPoolNd {
  forward(x: Tensor): Tensor {
    return F.adaptiveMaxPool1d(x, this.outputSize, this.returnIndices) as Tensor;
  }
}
/** The maximum over cells of the last two dimensions. */
export class AdaptiveMaxPool2d extends AdaptiveMaxPoolNd {
  forward(x: Tensor): Tensor {
    return F.adaptiveMaxPool2d(x, this.outputSize, this.returnIndices) as Tensor;
  }
}
/** The maximum over cells of the last three dimensions. */
export class AdaptiveMaxPool3d extends AdaptiveMaxPoolNd {
  forward(x: Tensor): Tensor {
    return F.adaptiveMaxPool3d(x, this.outputSize, this.returnIndices) as Tensor;
  }
}

abstract class FractionalMaxPoolNd extends Module {
  static readonly familyKeepsNoTensor = true;
  readonly kernelSize: Size;
  readonly outputSize: Size | null;
  readonly outputRatio: Size | null;
  readonly returnIndices: boolean;
  /** The random numbers that place the windows; drawn at each call when null. */
  randomSamples: Buffer | null;

  /** Arguments: kernelSize, outputSize, outputRatio, returnIndices, in this order or by name. */
  constructor(...args: Call<F.FractionalMaxPoolOptions, ['kernelSize', 'outputSize', 'outputRatio', 'returnIndices', 'randomSamples']>) {
    super();
    const names = ['kernelSize', 'outputSize', 'outputRatio', 'returnIndices', 'randomSamples'];
    const name = this.constructor.name;
    const { kernelSize, outputSize = null, outputRatio = null, returnIndices = false, randomSamples = null } = readCall<F.FractionalMaxPoolOptions>(name, args, names); // prettier-ignore
    if ((outputSize === null) === (outputRatio === null))
      throw new ArgumentError({
        op: name,
        expected: 'one of outputSize and outputRatio',
        received: outputSize === null ? 'neither' : 'both',
      });
    this.kernelSize = kernelSize;
    this.outputSize = outputSize;
    this.outputRatio = outputRatio;
    this.returnIndices = returnIndices;
    this.randomSamples = randomSamples === null ? null : new Buffer(randomSamples);
  }

  protected override stateKey(field: string): string {
    return field === 'randomSamples' ? '_random_samples' : field;
  }

  protected get options(): F.FractionalMaxPoolOptions {
    const { kernelSize, outputSize, outputRatio, returnIndices, randomSamples } = this;
    return { kernelSize, outputSize, outputRatio, returnIndices, randomSamples };
  }
}
/** Max pooling over windows at pseudo-random places of the last two dimensions. @see Graham 2015 */
export class FractionalMaxPool2d extends FractionalMaxPoolNd {
  forward(x: Tensor): Tensor {
    return F.fractionalMaxPool2d(x, this.options) as Tensor;
  }
}
/** Max pooling over windows at pseudo-random places of the last three dimensions. */
export class FractionalMaxPool3d extends FractionalMaxPoolNd {
  forward(x: Tensor): Tensor {
    return F.fractionalMaxPool3d(x, this.options) as Tensor;
  }
}
