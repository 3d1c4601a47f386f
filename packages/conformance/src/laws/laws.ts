import {
  evaluate,
  fromNumbers,
  installBottomLayer,
  installLayer,
  isFloat,
  readData,
  setDefaultDevice,
  type Device,
  type Tensor,
} from '@flambeau/core';
import { AutogradError, grad, noGrad } from '@flambeau/autograd';
import { allValues, asList, fresh, leaves, type Sample } from './inputs.ts';

// Each law answers with the first violation that it finds, in words, or with undefined.

type Values = ArrayLike<number | bigint>;
const read = async (x: Tensor): Promise<Values> => (await readData(x)) as Values;
const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function differ(ours: Values, expected: Values, absolute: number, relative: number): string | undefined {
  if (ours.length !== expected.length) return `${ours.length} elements, expected ${expected.length}`;
  for (let i = 0; i < ours.length; i++) {
    const [a, b] = [Number(ours[i]), Number(expected[i])];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (!(Math.abs(a - b) <= absolute + relative * Math.abs(b))) return `element ${i} is ${a}, expected ${b}`;
  }
  return undefined;
}

/** Compares results that are to be the same up to float32 rounding. */
async function compareAll(
  ours: readonly (Tensor | undefined)[],
  expected: readonly (Tensor | undefined)[],
  relative = 1e-5,
): Promise<string | undefined> {
  if (ours.length !== expected.length) return `${ours.length} results, expected ${expected.length}`;
  for (const [i, x] of ours.entries()) {
    const y = expected[i];
    if (x === undefined || y === undefined) {
      if (x !== y) return `result ${i} is ${x === undefined ? 'missing' : 'there'}, expected the opposite`;
      continue;
    }
    if (x.dtype !== y.dtype) return `result ${i} is ${x.dtype}, expected ${y.dtype}`;
    if (show(x.shape) !== show(y.shape)) return `result ${i} has shape ${show(x.shape)}, expected ${show(y.shape)}`;
    const text = differ(await read(x), await read(y), relative, relative);
    if (text !== undefined) return `result ${i}: ${text}`;
  }
  return undefined;
}

/** Names of the ops that are asked for or run while `body` does. */
export function opsIn(body: () => unknown): Set<string> {
  const seen = new Set<string>();
  const removals = [installLayer, installBottomLayer].map((install) =>
    install((op, inputs, attrs, scalars, below) => {
      seen.add(op.name);
      return below(op, inputs, attrs, scalars);
    }),
  );
  try {
    body();
  } finally {
    for (const remove of removals) remove();
  }
  return seen;
}

/** Runs every composite by its composition, whatever kernels the backend has for it. */
function composed<T>(body: () => T): T {
  const remove = installBottomLayer((op, inputs, attrs, scalars) =>
    op.view !== undefined || op.kernel !== undefined || op.compose === undefined
      ? evaluate(op, inputs, attrs, scalars)
      : op.compose(inputs, attrs, scalars),
  );
  try {
    return body();
  } finally {
    remove();
  }
}

/** Weights that tell the elements of a result apart, so that a gradient in the wrong place shows. */
const weightsFor = (x: Tensor, k: number): Tensor =>
  fromNumbers(
    Float64Array.from({ length: x.count }, (_, i) => 0.3 + (((i + 3 * k) * 7) % 11) / 10),
    x.shape,
    x.dtype,
    x.device,
  );

/** Σ weights·result over the float results, or over those of them that have a gradient; undefined where there is none. */
function weigh(results: readonly Tensor[], over: 'all' | 'differentiable' = 'differentiable'): Tensor | undefined {
  let total: Tensor | undefined;
  results.forEach((x, k) => {
    if (!isFloat(x.dtype) || (over === 'differentiable' && !x.requiresGrad)) return;
    const part = x.mul(weightsFor(x, k)).sum();
    total = total === undefined ? part : total.add(part);
  });
  return total;
}

/** The gradients of the weighed results with respect to the differentiable inputs. */
function gradientsOf(sample: Sample, inputs: readonly Tensor[], createGraph = false): (Tensor | undefined)[] | undefined {
  const loss = weigh(asList(sample.run(...inputs)));
  const wanted = inputs.filter((x) => x.requiresGrad);
  if (loss === undefined || wanted.length === 0) return undefined;
  return grad(loss, wanted, { allowUnused: true, createGraph });
}

/** A kernel answers as the composition of its op does, forward and backward, in float32. */
export async function kernelIsComposition(sample: Sample, device: Device): Promise<string | undefined> {
  setDefaultDevice(device);
  const forward = await compareAll(asList(sample.run(...fresh(sample, device, 'float32'))), composed(() => asList(sample.run(...fresh(sample, device, 'float32')))), 1e-5); // prettier-ignore
  if (forward !== undefined || !sample.smooth) return forward;
  const ours = gradientsOf(sample, leaves(sample, device, 'float32'));
  const expected = composed(() => gradientsOf(sample, leaves(sample, device, 'float32')));
  const text = await compareAll(ours ?? [], expected ?? [], 1e-4);
  return text && `gradient: ${text}`;
}

/** A device answers as the reference does. */
export async function deviceIsReference(sample: Sample, device: Device, reference: Device): Promise<string | undefined> {
  setDefaultDevice(reference);
  const expected = asList(sample.run(...fresh(sample, reference, 'float32')));
  const expectedGradients = sample.smooth ? gradientsOf(sample, leaves(sample, reference, 'float32')) : undefined;
  setDefaultDevice(device);
  const forward = await compareAll(asList(sample.run(...fresh(sample, device, 'float32'))), expected, 2e-5);
  if (forward !== undefined || !sample.smooth) return forward;
  const text = await compareAll(gradientsOf(sample, leaves(sample, device, 'float32')) ?? [], expectedGradients ?? [], 1e-4);
  return text && `gradient: ${text}`;
}

const step = 1e-5;

/** Derivatives of a scalar function of the sample's inputs by central differences in float64. */
async function finiteDifferences(
  sample: Sample,
  device: Device,
  f: (inputs: Tensor[]) => Tensor | undefined,
): Promise<(Float64Array | undefined)[]> {
  const values = allValues(sample);
  const found: (Float64Array | undefined)[] = [];
  for (const [i, input] of sample.inputs.entries()) {
    if (!input.differentiable) continue;
    const slopes = new Float64Array(values[i].length);
    for (let at = 0; at < slopes.length; at++) {
      const shifted = async (by: number): Promise<number> => {
        const moved = values.map((v, j) => (j === i ? v.map((x, k) => (k === at ? x + by : x)) : v));
        const result = f(leaves(sample, device, 'float64', moved));
        return result === undefined ? 0 : Number((await read(result))[0]);
      };
      slopes[at] = ((await shifted(step)) - (await shifted(-step))) / (2 * step);
    }
    found.push(slopes);
  }
  return found;
}

async function compareSlopes(
  gradients: readonly (Tensor | undefined)[],
  slopes: readonly (Float64Array | undefined)[],
): Promise<string | undefined> {
  for (const [i, slope] of slopes.entries()) {
    if (slope === undefined) continue;
    const ours = gradients[i] === undefined ? new Float64Array(slope.length) : await read(gradients[i]);
    const text = differ(ours, slope, 1e-6, 1e-5);
    if (text !== undefined) return `gradient ${i}: ${text} by finite differences`;
  }
  return undefined;
}

/** The derivative rule gives what finite differences give, in float64. */
export async function derivativeIsSlope(sample: Sample, device: Device): Promise<string | undefined> {
  setDefaultDevice(device);
  const gradients = gradientsOf(sample, leaves(sample, device, 'float64')) ?? [];
  // The slope is that of every result, so that one which lost its gradient shows as zero against it.
  return compareSlopes(gradients, await finiteDifferences(sample, device, (inputs) => weigh(asList(sample.run(...inputs)), 'all')));
}

/** The gradient of the gradient is the slope of the gradient: a rule is made of differentiable ops. */
export async function secondDerivativeIsSlope(sample: Sample, device: Device): Promise<string | undefined> {
  setDefaultDevice(device);
  const weighedGradients = (inputs: Tensor[], over: 'all' | 'differentiable'): Tensor | undefined => {
    const gradients = gradientsOf(sample, inputs, true);
    return gradients && weigh(gradients.filter((g) => g !== undefined), over); // prettier-ignore
  };
  const inputs = leaves(sample, device, 'float64');
  const loss = weighedGradients(inputs, 'differentiable');
  // Linear functions have a constant gradient.
  const gradients = loss === undefined ? [] : grad(loss, inputs.filter((x) => x.requiresGrad), { allowUnused: true }); // prettier-ignore
  return compareSlopes(gradients, await finiteDifferences(sample, device, (moved) => weighedGradients(moved, 'all')));
}

/** The same values with other strides: transposed, every second of a longer dimension, a window of a larger tensor. */
const layouts: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  transposed: (x) => x.transpose(0, -1).clone().transpose(0, -1),
  stepped(x) {
    const roomy = x.newZeros([...x.shape.slice(0, -1), 2 * (x.shape[x.ndim - 1] ?? 1) + 1]);
    const view = roomy.slice(-1, 1, null, 2);
    return (x.ndim === 0 ? view.select(0, 0) : view).copy_(x);
  },
  windowed(x) {
    const roomy = x.newZeros([(x.shape[0] ?? 1) + 3, ...x.shape.slice(1)]);
    return (x.ndim === 0 ? roomy.select(0, 2) : roomy.narrow(0, 2, x.shape[0])).copy_(x);
  },
};

/** A strided input answers as a contiguous one, forward and backward. */
export async function stridesDoNotMatter(sample: Sample, device: Device): Promise<string | undefined> {
  setDefaultDevice(device);
  const expected = asList(sample.run(...fresh(sample, device, 'float32')));
  const expectedGradients = sample.smooth ? gradientsOf(sample, leaves(sample, device, 'float32')) : undefined;
  for (const [name, layout] of Object.entries(layouts)) {
    const strided = (): Tensor[] => noGrad(() => fresh(sample, device, 'float32').map((x) => layout(x).detach()));
    const forward = await compareAll(asList(sample.run(...strided())), expected, 1e-5);
    if (forward !== undefined) return `${name}: ${forward}`;
    if (expectedGradients === undefined) continue;
    const inputs = strided();
    inputs.forEach((x, i) => (x.requiresGrad = sample.inputs[i].differentiable));
    const text = await compareAll(gradientsOf(sample, inputs) ?? [], expectedGradients, 1e-5);
    if (text !== undefined) return `${name}: gradient: ${text}`;
  }
  return undefined;
}

/** An input that is constant along a dimension may be an expanded view (stride 0). */
export async function expandedIsCopied(sample: Sample, device: Device): Promise<string | undefined> {
  setDefaultDevice(device);
  const expanded = (): Tensor[] =>
    fresh(sample, device, 'float32').map((x) =>
      x.ndim === 0 || x.count === 0
        ? x
        : x
            .narrow(0, 0, 1)
            .clone()
            .expand(...x.shape),
    );
  const copied = expanded().map((x) => x.clone());
  return compareAll(asList(sample.run(...expanded())), asList(sample.run(...copied)), 1e-5);
}

/** How backward says that what it saved is not what it was; any other error of autograd is a violation like a wrong number. */
const changedInPlace = /saved, at version \d+.*version \d+: it was changed in place/s;

/** What a derivative rule reads may not change between forward and backward: backward throws, or does not depend on it. */
export async function savedChangesAreCaught(sample: Sample, device: Device): Promise<string | undefined> {
  setDefaultDevice(device);
  const expected = gradientsOf(sample, leaves(sample, device, 'float32'));
  if (expected === undefined) return undefined;
  for (const [i] of sample.inputs.entries()) {
    const inputs = leaves(sample, device, 'float32');
    const loss = weigh(asList(sample.run(...inputs)));
    if (loss === undefined) continue;
    noGrad(() => inputs[i].copy_(inputs[i].dtype === 'bool' ? inputs[i].logicalNot() : inputs[i].neg().add(1)));
    try {
      const gradients = grad(loss, inputs.filter((x) => x.requiresGrad), { allowUnused: true }); // prettier-ignore
      const text = await compareAll(gradients, expected, 1e-5);
      if (text !== undefined) return `input ${i} changed in place unnoticed: ${text}`;
    } catch (error) {
      if (!(error instanceof AutogradError && changedInPlace.test(error.message))) throw error;
    }
  }
  return undefined;
}
