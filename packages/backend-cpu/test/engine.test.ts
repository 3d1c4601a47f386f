import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { explain, full, matmul, rand, setDefaultDevice, type Tensor } from '@flambeau/core';
import { cpu, cpuInfo, createCpuDevice } from '@flambeau/backend-cpu';
import { engines } from './operands.ts';

const hasNative = engines.some(({ name, missing }) => name === 'native' && !missing);
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What a process with FLAMBEAU_CPU set prints of its engine, or the error that it ends with. */
function engineOf(wanted: string): string {
  const program = "import('@flambeau/backend-cpu').then(({ cpuInfo }) => console.log(cpuInfo().engine, cpuInfo().notes.join('; ')))";
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--conditions=flambeau-source', '--eval', program], {
    cwd: `${root}packages/conformance`,
    encoding: 'utf8',
    env: { ...process.env, FLAMBEAU_CPU: wanted },
  });
  return `${stdout}${stderr}`;
}

describe('the choice of the engine', () => {
  it('says which engine runs and why nothing faster does', () => {
    const { engine, instructionSet, threads, notes } = cpuInfo();
    expect(['native', 'wasm']).toContain(engine);
    expect(engine === 'wasm' ? ['simd128'] : ['base', 'avx2', 'avx512']).toContain(instructionSet);
    expect(threads).toBeGreaterThanOrEqual(1);
    expect(notes.length > 0).toBe(engine === 'wasm');
    expect(cpu.name).toBe('cpu');
  });

  it('FLAMBEAU_CPU forces an engine, and refuses what it does not know', () => {
    expect(engineOf('wasm')).toContain('wasm was asked for');
    expect(engineOf('gpu')).toContain('cpu: FLAMBEAU_CPU to be native or wasm, got "gpu"');
    if (hasNative) expect(engineOf('native')).toMatch(/^native/);
    else expect(engineOf('native')).toContain('cpu: the native engine, got none');
  });

  it.skipIf(!hasNative)('an instruction set that the processor does not have is refused by name', () => {
    expect(() => createCpuDevice('native', { instructionSet: 'avx1024' })).toThrow(/avx1024/);
  });

  it.skipIf(!hasNative)('every instruction set of the processor gives the same numbers to rounding', () => {
    const sets: string[] = [];
    const results = ['base', 'avx2', 'avx512'].flatMap((instructionSet) => {
      try {
        const { device, info } = createCpuDevice('native', { instructionSet });
        expect(info.instructionSet).toBe(instructionSet);
        sets.push(instructionSet);
        setDefaultDevice(device);
        const x = full([37, 41], 0.3).add(full([41], 0.1).cumsum(0)); // 0.4 to 4.4 in each row
        const y = x.exp().tanh().add(x.sin()).mul(x.log().sigmoid());
        return [[...matmul(y, y.t()).dataSync(), ...y.sum(0).dataSync()] as number[]];
      } catch (error) {
        // A narrower processor than the widest set asks for is no fault; everything else is.
        if (!/does not have the instruction set/.test((error as Error).message)) throw error;
        return [];
      }
    });
    expect(sets).toEqual(expect.arrayContaining(['base', createCpuDevice('native').info.instructionSet]));
    for (const result of results)
      for (const [i, v] of result.entries()) expect(Math.abs(v - results[0][i])).toBeLessThanOrEqual(2e-6 * Math.abs(v));
  });

  it('explain tells its own kernels from required ones, and a composition where it has none', () => {
    setDefaultDevice(cpu);
    const x = rand(4, 5);
    const routes = (body: () => unknown): Record<string, string> =>
      Object.fromEntries(explain(body).explanation.ops.map(({ op, route, device }) => [op, `${route} on ${device}`]));
    expect(routes(() => x.softmax(1))).toEqual({ softmax: 'own kernel on cpu' });
    expect(routes(() => x.exp())).toEqual({ exp: 'kernel on cpu' });
    // In float64 it has none of its own.
    const wide = x.to('float64');
    expect(routes(() => wide.softmax(1))).toMatchObject({ softmax: 'composition on cpu', exp: 'kernel on cpu' });
  });

  it('walks 64 dimensions and refuses more', () => {
    setDefaultDevice(cpu);
    const deep = (n: number): Tensor => rand(2).view(Array.from({ length: n }, (_, i) => (i === 0 ? 2 : 1)));
    expect(deep(64).add(1).count).toBe(2);
    expect(() => deep(65).add(1)).toThrow(expect.objectContaining({ code: 'SHAPE' }) as Error);
  });
});
