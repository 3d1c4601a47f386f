// The works in jax-js, with each whole step in one jit. It counts references: what is used again is used as `x.ref`.

/** @param jax the package @jax-js/jax, with its default device chosen */
export function works(jax) {
  const { numpy: np, nn, lax, random, tree } = jax;
  let seed = 0;
  const normal = (...shape) => random.normal(random.key(seed++), shape);
  const small = (...shape) => normal(...shape).mul(0.05);

  /** Cross-entropy of logits [N, 10] and labels that are one-hot. */
  const crossEntropy = (logits, labels) => np.sum(nn.logSoftmax(logits, -1).mul(labels)).mul(-1 / 50);

  /** A step of Adam for one parameter; `rate` has the corrections of both moments. */
  const adam = (p, g, m, v, rate) => {
    const [m1, v1] = [m.mul(0.9).add(g.ref.mul(0.1)), v.mul(0.999).add(g.ref.mul(g).mul(0.001))];
    return [p.sub(m1.ref.mul(rate).div(np.sqrt(v1.ref).add(1e-8))), m1, v1];
  };

  /** Trains parameters (an object of arrays) by a loss of them and a batch. */
  const trained = (parameters, lossOf, x, y, optimizer) => {
    const names = Object.keys(parameters);
    const step = jax.jit((p, m, v, images, labels, rate) => {
      const [loss, slopes] = jax.valueAndGrad((inner) => lossOf(inner, images, labels))(tree.ref(p));
      const [nextP, nextM, nextV] = [{}, {}, {}];
      for (const name of names) {
        if (optimizer === 'sgd') nextP[name] = p[name].sub(slopes[name].mul(0.2));
        else [nextP[name], nextM[name], nextV[name]] = adam(p[name], slopes[name], m[name], v[name], rate.ref);
      }
      return { loss, p: nextP, m: nextM, v: nextV };
    });
    const zeros = () => (optimizer === 'sgd' ? {} : Object.fromEntries(names.map((n) => [n, np.zeros(parameters[n].shape)])));
    let [p, m, v, count] = [parameters, zeros(), zeros(), 0];
    return async () => {
      count++;
      const rate = (0.001 / (1 - 0.9 ** count)) * Math.sqrt(1 - 0.999 ** count);
      const made = step(p, m, v, x.ref, y.ref, np.array(rate));
      ({ p, m, v } = made);
      return (await made.loss.data())[0];
    };
  };

  const matmul = (n) => {
    const [a, b] = [normal(n, n), normal(n, n)];
    return () => np.matmul(a.ref, b.ref).data();
  };

  return {
    'matmul 256': () => matmul(256),
    'matmul 512': () => matmul(512),

    'exp 1e6'() {
      const x = normal(1e6);
      return () => np.exp(x.ref).data();
    },

    'tiny net step'() {
      const x = np.linspace(-1, 1, 100).reshape([100, 1]);
      const lossOf = ({ w1, b1, w2, b2 }, input, wanted) => {
        const error = np.matmul(nn.relu(np.matmul(input, w1).add(b1)), w2).add(b2).sub(wanted); // prettier-ignore
        return np.mean(error.ref.mul(error));
      };
      return trained({ w1: normal(1, 10), b1: normal(10), w2: small(10, 1), b2: normal(1) }, lossOf, x, x.ref.mul(x.ref), 'sgd');
    },

    'CNN step'() {
      const block = (x, w, b) =>
        lax.reduceWindow(nn.relu(lax.conv(x, w, [1, 1], 'SAME').add(b.reshape([1, -1, 1, 1]))), (window) => np.max(window), [2, 2], [2, 2]);
      const lossOf = ({ w1, b1, w2, b2, w3, b3 }, x, y) =>
        crossEntropy(np.matmul(block(block(x, w1, b1), w2, b2).reshape([50, 1568]), w3).add(b3), y);
      const parameters = { w1: small(16, 1, 5, 5), b1: small(16), w2: small(32, 16, 5, 5), b2: small(32), w3: small(1568, 10), b3: small(10) }; // prettier-ignore
      const labels = np.array(Array.from({ length: 50 }, (_, i) => i % 10), { dtype: np.int32 }); // prettier-ignore
      return trained(parameters, lossOf, normal(50, 1, 28, 28), nn.oneHot(labels, 10), 'adam');
    },

    'LSTM step'() {
      const [batch, steps, size] = [64, 28, 64];
      const lossOf = ({ wx, wh, b, out, last }, x, y) => {
        // x · W for all rows at once, then a step for each: gates in the order i, f, g, o.
        const all = np.matmul(x.reshape([batch * steps, 28]), wx).add(b).reshape([batch, steps, 4 * size]); // prettier-ignore
        let [h, c] = [np.zeros([batch, size]), np.zeros([batch, size])];
        for (let t = 0; t < steps; t++) {
          const gates = all.ref.slice([], t).add(np.matmul(h, wh.ref));
          const gate = (k) => gates.ref.slice([], [k * size, (k + 1) * size]);
          const [i, f, g, o] = [nn.sigmoid(gate(0)), nn.sigmoid(gate(1)), np.tanh(gate(2)), nn.sigmoid(gate(3))];
          gates.dispose();
          c = f.mul(c).add(i.mul(g));
          h = o.mul(np.tanh(c.ref));
        }
        all.dispose();
        wh.dispose();
        c.dispose();
        return crossEntropy(np.matmul(h, out).add(last), y);
      };
      const parameters = { wx: small(28, 4 * size), wh: small(size, 4 * size), b: small(4 * size), out: small(size, 10), last: small(10) };
      const labels = np.array(Array.from({ length: batch }, (_, i) => i % 10), { dtype: np.int32 }); // prettier-ignore
      return trained(parameters, lossOf, normal(batch, steps, 28), nn.oneHot(labels, 10), 'adam');
    },
  };
}
