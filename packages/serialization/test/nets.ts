import { manualSeed, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';

// The nets of the four apps, a ResNet-18 and a small transformer.

/** The regression app's net. */
export class Net extends nn.Module {
  hidden: nn.Linear;
  predict: nn.Linear;

  constructor(features = 1, hidden = 10, outputs = 1) {
    super();
    this.hidden = new nn.Linear(features, hidden);
    this.predict = new nn.Linear(hidden, outputs);
  }

  forward(x: Tensor): Tensor {
    return this.predict.forward(nn.functional.relu(this.hidden.forward(x)));
  }
}

/** The classification app's net. */
export const classifier = (): nn.Sequential => new nn.Sequential(new nn.Linear(2, 10), new nn.ReLU(), new nn.Linear(10, 2));

/** The CNN app's net. */
export class CNN extends nn.Module {
  conv1 = new nn.Sequential(new nn.Conv2d(1, 16, 5, { stride: 1, padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
  conv2 = new nn.Sequential(new nn.Conv2d(16, 32, 5, { stride: 1, padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
  out = new nn.Linear(32 * 7 * 7, 10);

  forward(x: Tensor): Tensor {
    const features = this.conv2.forward(this.conv1.forward(x));
    return this.out.forward(features.view(features.size(0), -1));
  }
}

/** The LSTM app's net. */
export class RNN extends nn.Module {
  rnn = new nn.LSTM(28, 64, { numLayers: 1, batchFirst: true });
  out = new nn.Linear(64, 10);

  forward(x: Tensor): Tensor {
    const [r] = this.rnn.forward(x, null);
    return this.out.forward(r.at(':', -1));
  }
}

/** Two convolutions and a way around them. @see He et al. 2016 */
export class BasicBlock extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential | null;

  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.conv1 = new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(outputs);
    this.conv2 = new nn.Conv2d(outputs, outputs, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(outputs);
    this.downsample =
      stride === 1 && inputs === outputs
        ? null
        : new nn.Sequential(new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }), new nn.BatchNorm2d(outputs));
  }

  forward(x: Tensor): Tensor {
    const inner = nn.functional.relu(this.bn1.forward(this.conv1.forward(x)));
    const way = this.downsample === null ? x : this.downsample.forward(x);
    return nn.functional.relu(this.bn2.forward(this.conv2.forward(inner)).add(way));
  }
}

/** ResNet-18; `width` 64 is the original, smaller ones keep every layer and cost less. */
export function resnet18(width = 64, classes = 1000): nn.Sequential {
  const stage = (inputs: number, outputs: number, stride: number): nn.Sequential =>
    new nn.Sequential(new BasicBlock(inputs, outputs, stride), new BasicBlock(outputs, outputs, 1));
  return new nn.Sequential(
    new nn.Conv2d(3, width, 7, { stride: 2, padding: 3, bias: false }),
    new nn.BatchNorm2d(width),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
    stage(width, width, 1),
    stage(width, 2 * width, 2),
    stage(2 * width, 4 * width, 2),
    stage(4 * width, 8 * width, 2),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(8 * width, classes),
  );
}

/** An encoder that reads tokens: embedding, two layers of attention, a linear map to classes. */
export class SmallTransformer extends nn.Module {
  embedding = new nn.Embedding(50, 16);
  encoder = new nn.TransformerEncoder(
    new nn.TransformerEncoderLayer(16, 4, { dimFeedforward: 32, batchFirst: true, activation: 'gelu' }),
    2,
  );
  out = new nn.Linear(16, 5);

  forward(tokens: Tensor): Tensor {
    return this.out.forward(this.encoder.forward(this.embedding.forward(tokens)).mean(1));
  }
}

/** Makes a net from a seed. */
export function seeded<M extends nn.Module>(make: () => M, seed = 1): M {
  manualSeed(seed);
  return make();
}
