import { Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { onnxBytes, type DynamicAxes } from '../src/index.ts';
import { numbersOf } from './helpers.ts';

/** Every tensor in a value, in order. */
const flat = (value: unknown): Tensor[] => (value instanceof Tensor ? [value] : Array.isArray(value) ? value.flatMap(flat) : []);

/** The outputs of ONNX Runtime and those of the model, as numbers. Shapes must agree. */
export async function bothOutputs(model: nn.Module, bytes: Uint8Array, args: readonly unknown[]): Promise<[number[][], number[][]]> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const inputs = flat(args);
  const feeds = Object.fromEntries(
    session.inputNames.map((name, i) => [name, new ort.Tensor(inputs[i].dtype, inputs[i].dataSync(), [...inputs[i].shape])]),
  );
  const results = await session.run(feeds);
  const expected = flat(noGrad(() => model.eval().forward(...(args as Tensor[]))));
  expect(session.outputNames.map((name) => results[name].dims)).toEqual(expected.map(({ shape }) => [...shape]));
  return [session.outputNames.map((name) => Array.from(results[name].data, Number)), expected.map(numbersOf)];
}

/** The largest difference between ONNX Runtime's outputs and the model's own. */
async function difference(model: nn.Module, bytes: Uint8Array, args: readonly unknown[]): Promise<number> {
  const [actual, expected] = await bothOutputs(model, bytes, args);
  let worst = 0;
  expected.forEach((values, i) => {
    values.forEach((value, k) => {
      // Infinities may be equal; a NaN is never right.
      const apart = value === actual[i][k] ? 0 : Math.abs(value - actual[i][k]);
      worst = Math.max(worst, Number.isNaN(apart) ? Infinity : apart);
    });
  });
  return worst;
}

/** Exports a model and expects the runtime to give its outputs, for the example and for other inputs. */
export async function expectExported(
  model: nn.Module,
  args: readonly unknown[],
  dynamicAxes?: DynamicAxes,
  others: readonly (readonly unknown[])[] = [],
): Promise<void> {
  const bytes = await onnxBytes(model, args, dynamicAxes === undefined ? {} : { dynamicAxes });
  for (const inputs of [args, ...others]) expect(await difference(model, bytes, inputs)).toBeLessThan(1e-5);
}

/** A module of one function. */
export class Lambda extends nn.Module {
  private readonly run: (...inputs: Tensor[]) => unknown;

  constructor(run: (...inputs: Tensor[]) => unknown) {
    super();
    this.run = run;
  }

  forward(...inputs: Tensor[]): unknown {
    return this.run(...inputs);
  }
}
