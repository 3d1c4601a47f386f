import { grad } from '@flambeau/autograd';
import { cpu } from '@flambeau/backend-cpu';
import { isFloat, manualSeed, randn, setDefaultDevice, Tensor } from '@flambeau/core';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { Decoder, type OperatorCase } from '../src/cases.ts';
import { flatten } from '../src/compare.ts';
import { callOf } from '../src/operators.ts';
import { Pack } from '../src/pack.ts';

// The gradient's gradient of PyTorch's samples, in float64, against differences of the gradient: with φ(x) = Σ w·∇(v·f)(x), the derivative of φ
// along u is (φ(x + hu) - φ(x - hu)) / 2h.

beforeAll(() => setDefaultDevice(cpu));

const directory = fileURLToPath(new URL('../cases/', import.meta.url));

/** Operators that jump where the sample stands. */
const without: Readonly<Record<string, string>> = {
  'nn.functional.cosine_embedding_loss': 'its target is 1 or -1, and a target beside them counts for nothing',
};

/** Functions of a symmetric matrix that read one half of it: only directions that keep it symmetric have a derivative. */
const symmetric = /cholesky|eigvalsh|eigh/;

type Run = (leaves: readonly Tensor[]) => Tensor[];

/** A case as a function of its differentiable inputs, which it gets in float64. */
function asFunction(test: OperatorCase, pack: Pack): { leaves: Tensor[]; run: Run } | undefined {
  const decoder = new Decoder(pack, cpu);
  const args = test.args.map((value) => decoder.decode(value));
  const kwargs = decoder.decodeAll(test.kwargs);
  const { wanted } = decoder;
  if (wanted.length === 0) return undefined;
  const leaves = wanted.map((x) => x.detach().to('float64').requiresGrad_());
  const run: Run = (values) => {
    // Other float inputs follow into float64, so that dtypes agree.
    const place = (value: unknown): unknown => {
      if (value instanceof Tensor) {
        const at = wanted.indexOf(value);
        return at >= 0 ? values[at] : isFloat(value.dtype) ? value.detach().to('float64') : value;
      }
      return Array.isArray(value) ? value.map(place) : value;
    };
    const named = Object.fromEntries(Object.entries(kwargs).map(([name, value]) => [name, place(value)]));
    // An operator that changes its input gets one that may be changed.
    const given = args.map(place).map((value) => (test.op.endsWith('_') && value instanceof Tensor ? value.clone() : value));
    const call = callOf(test, given, named);
    if (call === undefined) throw new Error(`there is no ${test.op}`);
    return flatten(call()).filter((y): y is Tensor => y instanceof Tensor && isFloat(y.dtype) && y.requiresGrad);
  };
  return { leaves, run };
}

const noise = (like: readonly Tensor[], seed: number): Tensor[] => {
  manualSeed(seed);
  return like.map((x) => randn([...x.shape], { dtype: 'float64' }));
};
const dot = (a: readonly (Tensor | undefined)[], b: readonly Tensor[]): number =>
  a.reduce((sum, x, i) => sum + (x === undefined ? 0 : x.detach().mul(b[i]).sum().itemSync()), 0);

/** Both sides of the comparison; undefined where no output has a gradient. */
function compare(
  op: string,
  { leaves, run }: { leaves: Tensor[]; run: Run },
): { exact: number; differences: number; scale: number } | undefined {
  const first = (values: readonly Tensor[], createGraph: boolean): (Tensor | undefined)[] => {
    const outputs = run(values);
    return outputs.length === 0
      ? []
      : grad(outputs, [...values], {
          gradOutputs: noise(outputs, 1).map((v, i) => v.to(outputs[i].dtype)),
          createGraph,
          allowUnused: true,
        });
  };
  const gradients = first(leaves, true);
  if (gradients.length === 0) return undefined;
  const [w, drawn] = [noise(leaves, 2), noise(leaves, 3)];
  const u = symmetric.test(op) ? drawn.map((x) => x.add(x.mT)) : drawn;
  const connected = gradients
    .map((g, i) => ({ g, w: w[i] }))
    .filter((pair): pair is { g: Tensor; w: Tensor } => pair.g?.requiresGrad === true);
  const second = connected.length === 0 ? [] : grad(connected.map(({ g }) => g), leaves, { gradOutputs: connected.map((pair) => pair.w), allowUnused: true }); // prettier-ignore
  const h = 1e-5;
  const moved = (sign: number): Tensor[] =>
    leaves.map((x, i) =>
      x
        .detach()
        .add(u[i].mul(sign * h))
        .requiresGrad_(),
    );
  const [up, down] = [dot(first(moved(1), false), w), dot(first(moved(-1), false), w)];
  return { exact: dot(second, u), differences: (up - down) / (2 * h), scale: Math.abs(up) / h };
}

/** How many cases are compared: those of the file that have a gradient, at most three of an operator. */
const counts: Readonly<Record<string, number>> = { tensor: 450, nn: 198, linalg: 84, special: 16 };

describe('the gradient of the gradient is right', () => {
  it.each(Object.keys(counts))('%s.json', { timeout: 120_000 }, (file) => {
    const pack = new Pack(`${directory}${file}.safetensors`);
    const cases = JSON.parse(readFileSync(`${directory}${file}.json`, 'utf8')) as OperatorCase[];
    const wrong: string[] = [];
    const seen = new Map<string, number>();
    let compared = 0;
    for (const test of cases) {
      const times = seen.get(test.op) ?? 0;
      if (test.cotangents === undefined || times >= 3 || Object.hasOwn(without, test.op)) continue;
      seen.set(test.op, times + 1);
      try {
        const made = asFunction(test, pack);
        const sides = made && compare(test.op, made);
        if (sides === undefined) continue;
        compared++;
        const { exact, differences, scale } = sides;
        // Differences of φ lose what its size has of rounding.
        const bound = 1e-4 * (1 + Math.abs(exact)) + 1e-10 * scale;
        if (!(Math.abs(exact - differences) <= bound)) wrong.push(`${test.id}: ${exact}, by differences ${differences}`);
      } catch (error) {
        wrong.push(`${test.id}: ${String(error).slice(0, 200)}`);
      }
    }
    expect({ compared }).toEqual({ compared: counts[file] });
    expect(wrong).toEqual([]);
  });
});
