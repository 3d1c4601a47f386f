import type { Operand, OptionalKernel } from '@flambeau/core';
import { sumClass, sumOf, type Walk } from '../kernels/dot.ts';
import type { Activation } from '../kernels/product.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { isRowMajor } from './operands.ts';

interface GradAttrs {
  /** Whether the gradients of x, of the weight and of the bias are wanted. */
  readonly needs: readonly boolean[];
  readonly activation?: Activation;
}

/** The derivative of an activation, times g, from its result y. */
const slopes: Record<Activation, string> = {
  relu: 'select(0.0, g, y > 0.0)',
  sigmoid: 'g * (y * (1.0 - y))',
  tanh: 'g * (1.0 - y * y)',
};

/** A float32 operand as a matrix: [rows, columns] at any strides, or any shape that lies row-major. */
const isMatrix = (x: Operand): boolean => x.dtype === 'float32' && (x.shape.length === 2 || isRowMajor(x));
const stepsOf = ({ shape, strides }: Operand): readonly [number, number] =>
  shape.length === 2 ? [strides[0], strides[1]] : [shape[shape.length - 1], 1];

/**
 * The gradients of a linear map, and of its activation, in one dispatch: dx [R,K], dW [N,K] and db [N] have a thread for each element. For small
 * maps, where dispatches take longer than what they compute; large ones are products of their own.
 */
export function linearGradKernels(machine: Machine): Record<string, OptionalKernel> {
  // On a software adapter, the registers of a product of its own pay off sooner.
  const [mostProducts, mostRows] = machine.software ? [2 ** 12, 512] : [2 ** 16, 512];

  const accepts = ([g, x, weight, y]: readonly Operand[]): boolean => {
    const [outFeatures, inFeatures] = weight.shape;
    const rows = g.count / outFeatures;
    return g.count > 0 && x.count > 0 && rows <= mostRows && rows * outFeatures * inFeatures <= mostProducts && [g, x, weight, ...(y === undefined ? [] : [y])].every(isMatrix); // prettier-ignore
  };

  function run(inputs: readonly Operand[], outputs: readonly Operand[], attrs: unknown): void {
    const [g, x, weight, y] = inputs;
    const { needs, activation } = attrs as GradAttrs;
    const [N, K] = weight.shape;
    const R = g.count / N;
    const program = new Program(machine, 'linearGrad');
    inputs.forEach((operand) => program.operand(operand));
    const stores = outputs.map((operand) => program.operand(operand, true));
    const [n, k, r] = [N, K, R].map((size) => program.word(size));
    const [[gr, gc], [xr, xc], [wr, wc], [yr, yc]] = [g, x, weight, y ?? g].map((operand) => stepsOf(operand).map((step) => program.word(step))); // prettier-ignore
    const [gAt, xAt, wAt, yAt] = [g, x, weight, y ?? g].map(({ offset }) => program.word(offset));

    // A walk along the gradient of the map's result, and along y with it where that has an activation.
    const along = (from: (at: string, rowStep: string, columnStep: string) => string, down: boolean): Walk[] => [
      { name: 'g', from: from(gAt, gr, gc), step: down ? gr : gc },
      ...(activation === undefined ? [] : [{ name: 'y', from: from(yAt, yr, yc), step: down ? yr : yc }]),
    ];
    const own = activation === undefined ? 1 : 2;
    const slope = (places: readonly string[]): string => `slope(${places.slice(0, own).join(', ')})`;
    const row = (at: string, rowStep: string): string => `${at} + row * ${rowStep}`;
    const column = (at: string, _: string, columnStep: string): string => `${at} + column * ${columnStep}`;

    const [first, ...others] = stores;
    const [ofWeight, ofBias] = needs[0] ? others : [first, ...others];
    // dx[row, column] = Σ g[row, o]·W[o, column]
    const inputGrad = (): string => `if (i < ${r} * ${k}) {
    let row = i / ${k};
    let column = i - row * ${k};
    ${sumOf('f32', N, n, [...along(row, false), { name: 'w', from: column(wAt, wr, wc), step: wr }], (...places) => `${slope(places)} * load2(${places[own]})`)}
    store${first}(i, sum);
    return;
  }
  `; // prettier-ignore
    // dW[column, position] = Σ g[s, column]·x[s, position], and db as where x has one more position that is 1.
    const parameterGrads = (begin: string): string => `let e = i - ${begin};
  let width = ${needs[1] ? `${k}${needs[2] ? ' + 1' : ''}` : '1'};
  let column = e / width;
  let position = e - column * width;
  let isBias = ${needs[1] ? (needs[2] ? `position == ${k}` : 'false') : 'true'};
  ${sumOf(
    'f32',
    R,
    r,
    [...along(column, true), ...(needs[1] ? [{ name: 'x', from: `${xAt} + select(position, 0, isBias) * ${xc}`, step: xr }] : [])],
    (...places) => (needs[1] ? `${slope(places)} * select(load1(${places[own]}), 1.0, isBias)` : slope(places)),
  )}
  ${needs[2] ? `if (isBias) { store${needs[1] ? ofBias : ofWeight}(column, sum); return; }` : ''}
  ${needs[1] ? `store${ofWeight}(column * ${k} + position, sum);` : ''}`;
    const text = (): string =>
      `${needs[0] ? inputGrad() : ''}${needs[1] || needs[2] ? parameterGrads(needs[0] ? `${r} * ${k}` : '0') : ''}`;
    program.include(
      activation === undefined
        ? 'fn slope(at: i32) -> f32 { return load0(at); }\n'
        : `fn slope(at: i32, yAt: i32) -> f32 { let g = load0(at); let y = load3(yAt); return ${slopes[activation]}; }\n`,
    );
    program.run(
      outputs.reduce((sum, { count }) => sum + count, 0),
      text,
      `${needs.join()} ${activation} ${sumClass(N)} ${sumClass(R)}`,
    );
  }

  const linearGrad: OptionalKernel = { accepts, run };
  return { linearGrad, linearActivationGrad: linearGrad };
}
