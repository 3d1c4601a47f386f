// Plain training loops without a memory call, in a process of their own: `loops.ts regression|cnn <steps>`. It prints a line of JSON for each
// tenth of the steps: what the device says it holds, and what the system says the process holds. Run with --expose-gc, it also collects
// before each look, so that what is left is what is really held.
import { manualSeed, memory, linspace, rand, randint, setDefaultDevice, unsqueeze, type Tensor } from '@flambeau/core';
import { cpu, cpuInfo } from '@flambeau/backend-cpu';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';

const F = nn.functional;

/** One step; returns what the tutorial looks at after `optimizer.step()`. */
type Step = () => number;

function regression(): Step {
  const x = unsqueeze(linspace(-1, 1, 100), 1);
  const y = x.pow(2).add(rand(x.size()).mul(0.2));
  const net = new nn.Sequential(new nn.Linear(1, 10), new nn.ReLU(), new nn.Linear(10, 1));
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.2 });
  const lossFunction = new nn.MSELoss();
  return () => {
    const out = net.forward(x);
    const loss = lossFunction.forward(out, y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.itemSync() + out.sub(y).abs().mean().itemSync();
  };
}

class CNN extends nn.Module {
  conv1 = new nn.Sequential(new nn.Conv2d(1, 16, 5, { stride: 1, padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
  conv2 = new nn.Sequential(new nn.Conv2d(16, 32, 5, { stride: 1, padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
  out = new nn.Linear(32 * 7 * 7, 10);

  forward(x: Tensor): Tensor {
    const features = this.conv2.forward(this.conv1.forward(x));
    return this.out.forward(features.view(features.size(0), -1));
  }
}

function cnn(): Step {
  const net = new CNN();
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.001 });
  const lossFunction = new nn.CrossEntropyLoss();
  return () => {
    const x = rand(50, 1, 28, 28);
    const y = randint(0, 10, [50]);
    const out = net.forward(x);
    const loss = lossFunction.forward(out, y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss.itemSync() + F.softmax(out, 1).max().itemSync();
  };
}

const [name, count] = process.argv.slice(2);
setDefaultDevice(cpu);
manualSeed(1);
const step = name === 'cnn' ? cnn() : regression();
const steps = Number(count);
const started = performance.now();
let sum = 0;
for (let i = 1; i <= steps; i++) {
  sum += step();
  if (i % (steps / 10) === 0) {
    const { liveBytes, liveCount, pooledBytes } = memory(cpu);
    const line = {
      step: i,
      liveBytes,
      liveCount,
      pooledBytes,
      rss: process.memoryUsage.rss(),
      arrayBuffers: process.memoryUsage().arrayBuffers,
    };
    console.log(JSON.stringify(line));
  }
}
if (!Number.isFinite(sum)) throw new Error(`the losses are not finite: ${sum}`);
console.log(JSON.stringify({ engine: cpuInfo().engine, microseconds: Math.round(((performance.now() - started) / steps) * 1000) }));
