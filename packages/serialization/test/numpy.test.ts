import { spawnSync } from 'node:child_process';
import { ones, tensor, zeros, type DType, type Tensor } from '@flambeau/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { load, save } from '../src/index.ts';
import { expectSame, scratchFile, valuesOf } from './helpers.ts';
import { edgeValues } from './edgeValues.ts';

const python = process.env['FLAMBEAU_PYTHON'] ?? 'python3';
const lacksNumpy = spawnSync(python, ['-c', 'import numpy']).status !== 0;

/** What NumPy says of an array: dtype, shape and the bits of its elements in C order, so that nothing is rounded on the way. */
type Told = readonly [string, number[], string[]];

const script = `
import json, sys
import numpy as np
def tell(x):
    assert x.flags.c_contiguous or x.size == 0
    bits = np.ascontiguousarray(x).reshape(-1).view({1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[x.dtype.itemsize])
    return [x.dtype.name, list(x.shape), [str(b) for b in bits.tolist()]]
def load(file):
    found = np.load(file, allow_pickle=False)
    return tell(found) if isinstance(found, np.ndarray) else {name: tell(found[name]) for name in found.files}
print(json.dumps([load(file) for file in sys.argv[1:]]))`;

/** What one start of Python says of each file. */
function toldBy(files: readonly string[]): unknown[] {
  const ran = spawnSync(python, ['-c', script, ...files], { encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as unknown[];
}

const unsigned = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

/** The same as this library has it. Values are brought to their dtype by a file of their own bytes. */
async function ownBits(x: Tensor): Promise<Told> {
  const { bytesOfTensor } = await import('../src/tensorBytes.ts');
  const bytes = (await bytesOfTensor(x)).slice();
  const width = (bytes.length === 0 ? 1 : bytes.length / x.count) as keyof typeof unsigned;
  return [x.dtype, [...x.shape], Array.from<number | bigint, string>(new unsigned[width](bytes.buffer), String)];
}

describe.skipIf(lacksNumpy && process.env['FLAMBEAU_CI'] !== '1')('np.load reads', () => {
  const arrays: Readonly<Record<string, Tensor>> = {
    ...Object.fromEntries(
      Object.entries(edgeValues)
        .filter(([dtype]) => dtype !== 'bfloat16')
        .map(([dtype, values]) => [dtype, tensor([...values] as number[], { dtype: dtype as DType })]),
    ),
    scalar: tensor(2.5),
    empty: zeros(0, 3),
    transposed: tensor([[1, 2, 3], [4, 5, 6]]).t(), // prettier-ignore
    strided: tensor([1, 2, 3, 4, 5, 6, 7, 8]).at('1::3'),
    expanded: tensor([7]).expand(3, 2),
    deep: ones(1, 2, 1, 2, 1, 2),
  };

  const files = new Map<string, unknown>(
    [...Object.keys(arrays).map((name) => `${name}.npy`), 'all.npz', 'packed.npz'].map((name) => [name, undefined]),
  );
  beforeAll(async () => {
    for (const [name, x] of Object.entries(arrays)) await save(x, scratchFile(`${name}.npy`));
    await save(arrays, scratchFile('all.npz'));
    await save(arrays, scratchFile('packed.npz'), { compress: true });
    const told = toldBy([...files.keys()].map(scratchFile));
    [...files.keys()].forEach((name, i) => files.set(name, told[i]));
  });

  it.each(Object.entries(arrays))('an npy of %s', async (name, x) => {
    expect(files.get(`${name}.npy`)).toEqual(await ownBits(x));
    expectSame(await load<Tensor>(scratchFile(`${name}.npy`)), x);
  });

  it.each(['all.npz', 'packed.npz'])('%s, which holds all of them', async (file) => {
    const told = files.get(file) as Record<string, Told>;
    expect(Object.keys(told)).toEqual(Object.keys(arrays));
    for (const [name, x] of Object.entries(arrays)) expect(told[name], name).toEqual(await ownBits(x));
    // The bits above are those of the values that are meant.
    expect(told['int16'][2]).toEqual(['32768', '65535', '255', '32767']); // -32768 and -1 in two's complement
    expect(told['float64'][2][3]).toBe('1'); // 5e-324 is the least number above 0
    expect(valuesOf(arrays['int64'])).toEqual(edgeValues.int64);
  });
});
