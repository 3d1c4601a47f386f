// The works in Flambeau. Each gives a function that runs it once and waits for its value.

/** @param fb the package flambeau @param device `cpu`, or what `webgpu()` gave */
export function works(fb, device) {
  const { nn, optim } = fb;

  /** A whole training step, as the README writes it. */
  const step = (net, optimizer, lossFunction, x, y) => {
    net.to(device);
    return () => {
      const loss = lossFunction.forward(net.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    };
  };

  /** Computes a tensor, and reads it. */
  const read = (compute) => async () => {
    const result = fb.noGrad(compute);
    await result.data();
    result.dispose();
  };

  const matmul = (n) => {
    const [a, b] = [fb.randn(n, n, { device }), fb.randn(n, n, { device })];
    return read(() => a.matmul(b));
  };

  return {
    'matmul 256': () => matmul(256),
    'matmul 512': () => matmul(512),

    'exp 1e6'() {
      const x = fb.randn(1e6, { device });
      return read(() => x.exp());
    },

    'tiny net step'() {
      const net = new nn.Sequential(new nn.Linear(1, 10), new nn.ReLU(), new nn.Linear(10, 1));
      const x = fb.linspace(-1, 1, 100, { device }).unsqueeze(1);
      return step(net, new optim.SGD(net.parameters(), { lr: 0.2 }), new nn.MSELoss(), x, x.pow(2));
    },

    'CNN step'() {
      const block = (i, o) => new nn.Sequential(new nn.Conv2d(i, o, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
      const net = new nn.Sequential(block(1, 16), block(16, 32), new nn.Flatten(), new nn.Linear(1568, 10));
      const [x, y] = [fb.rand(50, 1, 28, 28, { device }), fb.randint(0, 10, [50], { device })];
      return step(net, new optim.Adam(net.parameters(), { lr: 0.001 }), new nn.CrossEntropyLoss(), x, y);
    },

    'LSTM step'() {
      class Reader extends nn.Module {
        rnn = new nn.LSTM(28, 64, { batchFirst: true });
        out = new nn.Linear(64, 10);

        forward(x) {
          const [hidden] = this.rnn.forward(x);
          return this.out.forward(hidden.select(1, -1));
        }
      }
      const net = new Reader();
      const [x, y] = [fb.rand(64, 28, 28, { device }), fb.randint(0, 10, [64], { device })];
      return step(net, new optim.Adam(net.parameters(), { lr: 0.01 }), new nn.CrossEntropyLoss(), x, y);
    },
  };
}
