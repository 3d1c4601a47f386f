// The works in TensorFlow.js, with its layers and its optimizers.

/** @param tf the package @tensorflow/tfjs, with its backend chosen */
export function works(tf) {
  /** A whole training step of a net of layers. */
  const step = (net, optimizer, lossOf, x) => {
    return async () => {
      const loss = optimizer.minimize(() => lossOf(net.apply(x, { training: true })), true);
      await loss.data();
      loss.dispose();
    };
  };
  const digits = (n) => tf.oneHot(tf.randomUniform([n], 0, 10, 'int32'), 10);

  /** Computes a tensor, and reads it. */
  const read = (compute) => async () => {
    const result = compute();
    await result.data();
    result.dispose();
  };

  const matmul = (n) => {
    const [a, b] = [tf.randomNormal([n, n]), tf.randomNormal([n, n])];
    return read(() => a.matMul(b));
  };

  return {
    'matmul 256': () => matmul(256),
    'matmul 512': () => matmul(512),

    'exp 1e6'() {
      const x = tf.randomNormal([1e6]);
      return read(() => x.exp());
    },

    'tiny net step'() {
      const x = tf.linspace(-1, 1, 100).expandDims(1);
      const y = x.square();
      const net = tf.sequential({
        layers: [tf.layers.dense({ units: 10, activation: 'relu', inputShape: [1] }), tf.layers.dense({ units: 1 })],
      });
      return step(net, tf.train.sgd(0.2), (out) => tf.losses.meanSquaredError(y, out), x);
    },

    'CNN step'() {
      const conv = (filters, more = {}) => tf.layers.conv2d({ filters, kernelSize: 5, padding: 'same', activation: 'relu', ...more });
      const pool = () => tf.layers.maxPooling2d({ poolSize: 2 });
      const net = tf.sequential({
        layers: [conv(16, { inputShape: [28, 28, 1] }), pool(), conv(32), pool(), tf.layers.flatten(), tf.layers.dense({ units: 10 })],
      });
      const y = digits(50);
      return step(net, tf.train.adam(0.001), (out) => tf.losses.softmaxCrossEntropy(y, out), tf.randomUniform([50, 28, 28, 1]));
    },

    'LSTM step'() {
      const net = tf.sequential({ layers: [tf.layers.lstm({ units: 64, inputShape: [28, 28] }), tf.layers.dense({ units: 10 })] });
      const y = digits(64);
      return step(net, tf.train.adam(0.01), (out) => tf.losses.softmaxCrossEntropy(y, out), tf.randomUniform([64, 28, 28]));
    },
  };
}
