import type { Operand, OptionalKernel } from '@flambeau/core';
import { clearElements, copyElements, elementwise, narrowed, temporary } from '../kernels/elementwise.ts';
import { matrixProduct } from '../kernels/product.ts';
import { reduce } from '../kernels/reduction.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { isPlain, isRowMajor, reshaped, transposed } from './operands.ts';

interface RecurrentAttrs {
  readonly reverse: boolean;
  /** Without states among the inputs. */
  readonly fromZeros?: boolean;
}

/** Which gradients are asked for, whether any come from the inner values, and the first step of the output's; see `lstmGrad` of nn. */
interface GradAttrs extends RecurrentAttrs {
  readonly input: boolean;
  readonly initial: boolean;
  readonly inner: boolean;
  readonly from?: number;
}

/** Hidden units up to which a sample's state fits into the threads of a workgroup. */
const mostUnits = 256;
/** Samples that share a workgroup, and with it each weight that is read. */
const samples = 4;

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sigmoid = (x: string): string => `(1.0 / (1.0 + exp_(-(${x}))))`;

/** The size of a layer's hidden state, by its inputs after x. */
const hiddenSize = (others: readonly Operand[], { fromZeros = false }: RecurrentAttrs): number => others[fromZeros ? 1 : 3].shape[1];

/** LSTM over a whole sequence, and its gradient: the products of all steps together, and one kernel with the loop over time inside. */
export function recurrentKernels(machine: Machine): Record<string, OptionalKernel> {
  /** A layer's inputs with zeros for the states that it begins without. */
  function withStates(inputs: readonly Operand[], fromZeros: boolean, use: (inputs: readonly Operand[]) => void): void {
    if (!fromZeros) {
      use(inputs);
      return;
    }
    const [x, weightIh, weightHh, ...biases] = inputs;
    temporary('float32', [x.shape[1], weightHh.shape[1]], x, (zeros) => {
      clearElements(machine, zeros);
      use([x, zeros, zeros, weightIh, weightHh, ...biases]);
    });
  }

  /** The gradient of a layer's output, with zeros at the steps that it has not. */
  function withAllSteps(g: Operand, steps: number, from: number, use: (g: Operand) => void): void {
    if (g.shape[0] === steps) {
      use(g);
      return;
    }
    temporary('float32', [steps, g.shape[1], g.shape[2]], g, (all) => {
      clearElements(machine, all);
      if (g.count > 0) copyElements(machine, g, narrowed(all, 0, from, g.shape[0]));
      use(all);
    });
  }

  /** Starts a state's gradient with what came from the last state, if anything did. */
  const begin = (g: Operand, out: Operand): void => {
    if (g.count === 0) clearElements(machine, out);
    else copyElements(machine, g, out);
  };

  /** W_hh [4H, H] as quads of the four gates, [read, made]: for the forward pass from unit to unit, for the gradient the other way. */
  function packed(weight: Operand, size: number, turned: boolean, use: (weights: Operand) => void): void {
    temporary('float32', [size, size, 4], weight, (weights) => {
      const gates = { storage: weight.storage, dtype: weight.dtype, count: weight.count, offset: weight.offset };
      const [out, into] = [size, 1];
      copyElements(
        machine,
        { ...gates, shape: [size, size, 4], strides: turned ? [out, into, size * size] : [into, out, size * size] },
        weights,
      );
      use(weights);
    });
  }

  const lstm: OptionalKernel = {
    accepts: ([x, ...others], attrs) =>
      x.dtype === 'float32' && x.count > 0 && others.every(isPlain) && hiddenSize(others, attrs as RecurrentAttrs) <= mostUnits,
    run(inputs, outputs, attrs) {
      const { reverse, fromZeros = false } = attrs as RecurrentAttrs;
      if (fromZeros) {
        withStates(inputs, fromZeros, (all) => this.run(all, outputs, { reverse }, []));
        return;
      }
      const [x, h0, c0, weightIh, weightHh, biasIh, biasHh] = inputs;
      const [output, hN, cN, gates, cells] = outputs;
      const [steps, batch, features] = x.shape;
      const size = h0.shape[1];
      const project = (bias: Operand | undefined): void => {
        // The gates' place holds x·Wᵀ + b until the loop reaches each step.
        if (isRowMajor(x))
          matrixProduct(machine, { a: reshaped(x, [steps * batch, features]), b: transposed(weightIh, 0, 1), out: reshaped(gates, [steps * batch, 4 * size]), bias }); // prettier-ignore
        else {
          const wide = { ...reshaped(weightIh, [4 * size, features]), shape: [steps, features, 4 * size], strides: [0, 1, features], count: steps * weightIh.count }; // prettier-ignore
          matrixProduct(machine, { a: x, b: wide, out: gates, bias });
        }
      };
      if (biasIh === undefined || biasHh === undefined) project(undefined);
      else
        temporary('float32', [4 * size], x, (bias) => {
          elementwise(machine, 'add', bias, [biasIh, biasHh], (_, value) => () => `STORE(PLACE, ${value(0)} + ${value(1)});`, 'plain');
          project(bias);
        });
      packed(weightHh, size, false, (weights) => {
        const program = new Program(machine, 'lstm');
        program.operand(weights, false, 4);
        [h0, c0].forEach((operand) => program.operand(operand));
        [gates, output, cells, hN, cN].forEach((operand) => program.operand(operand, true));
        const [T, N, h0At, c0At] = [steps, batch, h0.offset, c0.offset].map((v) => program.word(v));
        const each = (code: (s: number) => string): string => upTo(samples).map((s) => code(s)).join('\n    '); // prettier-ignore
        program.runGroups(
          Math.ceil(batch / samples),
          size,
          `var<workgroup> hidden: array<f32, ${size * samples}>;`,
          `${each((s) => `let n${s} = min(group * ${samples} + ${s}, ${N} - 1); var c${s} = load2(n${s} * ${size} + local + ${c0At}); var h${s} = load1(n${s} * ${size} + local + ${h0At}); hidden[${s * size} + local] = h${s};`)}
  workgroupBarrier();
  for (var step = 0; step < ${T}; step++) {
    let t = ${reverse ? `${T} - 1 - step` : 'step'};
    ${each((s) => `let p${s} = (t * ${N} + n${s}) * ${4 * size} + local; var z${s} = vec4<f32>(load3(p${s}), load3(p${s} + ${size}), load3(p${s} + ${2 * size}), load3(p${s} + ${3 * size}));`)}
    for (var k = 0; k < ${size}; k++) {
      let w = quad0((k * ${size} + local) * 4);
      ${each((s) => `z${s} += hidden[${s * size} + k] * w;`)}
    }
    workgroupBarrier();
    ${each(
      (s) => `{ let i_ = ${sigmoid(`z${s}.x`)}; let f_ = ${sigmoid(`z${s}.y`)}; let g_ = tanh_(z${s}.z); let o_ = ${sigmoid(`z${s}.w`)};
      c${s} = f_ * c${s} + i_ * g_; h${s} = o_ * tanh_(c${s}); hidden[${s * size} + local] = h${s};
      if (group * ${samples} + ${s} < ${N}) {
        store3(p${s}, i_); store3(p${s} + ${size}, f_); store3(p${s} + ${2 * size}, g_); store3(p${s} + ${3 * size}, o_);
        let q = (t * ${N} + n${s}) * ${size} + local; store4(q, h${s}); store5(q, c${s});
      } }`,
    )}
    workgroupBarrier();
  }
  ${each((s) => `if (group * ${samples} + ${s} < ${N}) { store6(n${s} * ${size} + local, h${s}); store7(n${s} * ${size} + local, c${s}); }`)}`,
        );
      });
    },
  };

  const lstmGrad: OptionalKernel = {
    accepts: ([gOutput, gH, gC, output, gates, cells, x, ...others], attrs) =>
      !(attrs as GradAttrs).inner && x.dtype === 'float32' && x.count > 0 && hiddenSize(others, attrs as GradAttrs) <= mostUnits && [gOutput, gH, gC].every(({ dtype }) => dtype === 'float32') && [output, gates, cells, ...others].every(isPlain), // prettier-ignore
    run(inputs, outputs, attrs) {
      const { reverse, input, initial, inner, from = 0, fromZeros = false } = attrs as GradAttrs;
      const [steps] = inputs[3].shape; // of the output
      if (fromZeros || inputs[0].shape[0] !== steps) {
        withAllSteps(inputs[0], steps, from, (gOutput) =>
          withStates(inputs.slice(6), fromZeros, (layer) =>
            this.run([gOutput, ...inputs.slice(1, 6), ...layer], outputs, { reverse, input, initial, inner }, []),
          ),
        );
        return;
      }
      const [gOutput, gH, gC, output, gates, cells, x, h0, c0, weightIh, weightHh, biasIh] = inputs;
      if (!initial) {
        // Nobody asks for the gradients of the initial state, which the kernel computes on the way.
        temporary('float32', h0.shape, x, (dh) =>
          temporary('float32', c0.shape, x, (dc) =>
            this.run(inputs, [dh, dc, ...outputs], { reverse, input, initial: true, inner: false }, []),
          ),
        );
        return;
      }
      const [, batch, features] = x.shape;
      const size = h0.shape[1];
      const [dh0, dc0, dWeightIh, dWeightHh] = outputs;
      const dBias = biasIh === undefined ? undefined : outputs[4];
      const dx = input ? outputs[outputs.length - 1] : undefined;
      begin(gH, dh0);
      begin(gC, dc0);
      const rows = steps * batch;
      temporary('float32', [rows, 4 * size], x, (sums) => {
        packed(weightHh, size, true, (weights) => {
          const program = new Program(machine, 'lstmGrad');
          program.operand(weights, false, 4);
          [gOutput, gates, cells, c0].forEach((operand) => program.operand(operand));
          [sums, dh0, dc0].forEach((operand) => program.operand(operand, true));
          const [T, N, gAt, c0At] = [steps, batch, gOutput.offset, c0.offset].map((v) => program.word(v));
          const [g0, g1, g2] = gOutput.strides.map((v) => program.word(v));
          const each = (code: (s: number) => string): string => upTo(samples).map((s) => code(s)).join('\n    '); // prettier-ignore
          const live = (s: number): string => `group * ${samples} + ${s} < ${N}`;
          program.runGroups(
            Math.ceil(batch / samples),
            size,
            `var<workgroup> slopes: array<vec4<f32>, ${size * samples}>;`,
            `${each((s) => `let n${s} = min(group * ${samples} + ${s}, ${N} - 1); var h${s} = load6(n${s} * ${size} + local); var c${s} = load7(n${s} * ${size} + local);`)}
  for (var back = 0; back < ${T}; back++) {
    let t = ${reverse ? 'back' : `${T} - 1 - back`};
    let before = ${reverse ? 't + 1' : 't - 1'};
    ${each(
      (s) => `{ let at = (t * ${N} + n${s}) * ${4 * size} + local;
      let i_ = load2(at); let f_ = load2(at + ${size}); let g_ = load2(at + ${2 * size}); let o_ = load2(at + ${3 * size});
      let shown = tanh_(load3((t * ${N} + n${s}) * ${size} + local));
      h${s} += load1(t * ${g0} + n${s} * ${g1} + local * ${g2} + ${gAt});
      c${s} += h${s} * o_ * (1.0 - shown * shown);
      var old = 0.0;
      if (before < 0 || before >= ${T}) { old = load4(n${s} * ${size} + local + ${c0At}); } else { old = load3((before * ${N} + n${s}) * ${size} + local); }
      let d = vec4<f32>(c${s} * g_ * i_ * (1.0 - i_), c${s} * old * f_ * (1.0 - f_), c${s} * i_ * (1.0 - g_ * g_), h${s} * shown * o_ * (1.0 - o_));
      slopes[${s * size} + local] = d;
      if (${live(s)}) { store5(at, d.x); store5(at + ${size}, d.y); store5(at + ${2 * size}, d.z); store5(at + ${3 * size}, d.w); }
      c${s} = c${s} * f_; h${s} = 0.0; }`,
    )}
    workgroupBarrier();
    for (var k = 0; k < ${size}; k++) {
      let w = quad0((k * ${size} + local) * 4);
      ${each((s) => `h${s} += dot(slopes[${s * size} + k], w);`)}
    }
    workgroupBarrier();
  }
  ${each((s) => `if (${live(s)}) { store6(n${s} * ${size} + local, h${s}); store7(n${s} * ${size} + local, c${s}); }`)}`,
          );
        });
        const turned = transposed(sums, 0, 1);
        const product = (a: Operand, b: Operand, out: Operand): void => matrixProduct(machine, { a, b, out, bias: undefined });
        if (isRowMajor(x)) product(turned, reshaped(x, [rows, features]), dWeightIh);
        else
          temporary('float32', x.shape, x, (flat) => {
            copyElements(machine, x, flat);
            product(turned, reshaped(flat, [rows, features]), dWeightIh);
          });
        // The hidden state that each step began with: h0, then the outputs of the steps before.
        temporary('float32', [steps, batch, size], x, (previous) => {
          copyElements(machine, reshaped(h0, [1, batch, size]), narrowed(previous, 0, reverse ? steps - 1 : 0, 1));
          if (steps > 1)
            copyElements(machine, narrowed(output, 0, reverse ? 1 : 0, steps - 1), narrowed(previous, 0, reverse ? 0 : 1, steps - 1));
          product(turned, reshaped(previous, [rows, size]), dWeightHh);
        });
        if (dBias !== undefined) {
          reduce(machine, 'sum', sums, reshaped(dBias, [1, 4 * size]), [0]);
          copyElements(machine, dBias, outputs[5]);
        }
        if (dx !== undefined) product(sums, weightIh, reshaped(dx, [rows, features]));
      });
    },
  };

  return { lstm, lstmGrad };
}
