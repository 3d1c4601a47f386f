import { readOptions, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';

const F = nn.functional;

/** LeNet-5 for images [N, 1, 28, 28] of handwritten digits. @see LeCun et al. 1998 */
export class LeNet extends nn.Module {
  conv1: nn.Conv2d;
  conv2: nn.Conv2d;
  fc1: nn.Linear;
  fc2: nn.Linear;
  fc3: nn.Linear;

  constructor(options: { numClasses?: number } = {}) {
    super();
    const { numClasses = 10 } = readOptions<{ numClasses?: number }>('LeNet', options, ['numClasses']);
    this.conv1 = new nn.Conv2d(1, 6, 5, { padding: 2 }); // [N, 6, 28, 28]
    this.conv2 = new nn.Conv2d(6, 16, 5); // [N, 16, 10, 10]
    this.fc1 = new nn.Linear(16 * 5 * 5, 120);
    this.fc2 = new nn.Linear(120, 84);
    this.fc3 = new nn.Linear(84, numClasses);
  }

  forward(x: Tensor): Tensor {
    const first = F.maxPool2d(F.relu(this.conv1.forward(x)), 2);
    const second = F.maxPool2d(F.relu(this.conv2.forward(first)), 2);
    return this.fc3.forward(F.relu(this.fc2.forward(F.relu(this.fc1.forward(second.flatten(1))))));
  }
}
