import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { tensor, Tensor, zeros } from '@flambeau/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { load, save } from '../src/index.ts';
import { scratch, scratchFile } from './helpers.ts';

const child = fileURLToPath(new URL('./atomic/child.ts', import.meta.url));
const unfinished = (): string[] => readdirSync(scratch).filter((name) => name.endsWith('.part'));

/** Saves in a process of its own, and kills it once the new file has begun to fill. @returns whether the process was killed */
function killWhileSaving(file: string): Promise<boolean> {
  const saving = spawn(process.execPath, ['--import', 'tsx', '--conditions=flambeau-source', child, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve) => {
    // The child says when its first tensors were taken by the writer; it waits before it gives the last.
    saving.stdout.on('data', () => saving.kill('SIGKILL'));
    saving.on('close', (_, signal) => resolve(signal === 'SIGKILL'));
  });
} // prettier-ignore

describe('a save that is killed', () => {
  const formats = ['safetensors', 'pt'];
  const old = new Map<string, Buffer>();
  const killed = new Map<string, boolean>();
  // Starting a process takes longest: both run at once.
  beforeAll(async () => {
    await Promise.all(
      formats.map(async (format) => {
        const file = scratchFile(`killed.${format}`);
        await save(new Map([['x', tensor([1, 2, 3])]]), file);
        old.set(format, readFileSync(file));
        killed.set(format, await killWhileSaving(file));
      }),
    );
  }, 60_000);

  it.each(formats)('leaves the old .%s whole, and the next save of that name removes what it left', async (format) => {
    const file = scratchFile(`killed.${format}`);
    const mine = (): string[] => unfinished().filter((name) => name.startsWith(`.killed.${format}.`));
    expect(killed.get(format)).toBe(true);
    expect(readFileSync(file)).toEqual(old.get(format));
    expect((await load(file)).get('x')?.toArraySync()).toEqual([1, 2, 3]);
    // It was in the middle of writing.
    const [left] = mine();
    expect(left).toMatch(/\.part$/);
    expect(readFileSync(join(scratch, left)).length).toBeGreaterThan(1000);
    await save(new Map([['x', tensor([4])]]), file);
    expect(mine()).toEqual([]);
    expect((await load(file)).get('x')?.toArraySync()).toEqual([4]);
  });

  it('leaves alone what living processes write, other machines, and other names', async () => {
    const here = hostname().replace(/[^A-Za-z0-9-]/g, '-');
    const kept = [
      `.kept.pt.${here}.${process.ppid}.abc.part`,
      `.kept.pt.another-machine.999999999.abc.part`,
      `.other.pt.${here}.999999999.abc.part`,
      `.kept.pt.${here}.${process.pid}.abc.part`,
    ];
    const stale = `.kept.pt.${here}.999999999.abc.part`; // beyond what the kernel gives
    for (const name of [...kept, stale]) writeFileSync(scratchFile(name), 'part');
    await save(new Map([['x', tensor([1])]]), scratchFile('kept.pt'));
    for (const name of kept) expect(existsSync(scratchFile(name)), name).toBe(true);
    expect(existsSync(scratchFile(stale))).toBe(false);
  });
});

describe('saving to a stream of Node', () => {
  const state = new Map([['x', zeros(1000, 1000)], ['y', tensor([1, 2])]]); // prettier-ignore

  it.each(['safetensors', 'pt', 'npz'] as const)('writes %s and ends the stream', async (format) => {
    const file = scratchFile(`streamed.${format}`);
    await save(state, createWriteStream(file), { format });
    const loaded = await load(file);
    expect(loaded.get('y')?.toArraySync()).toEqual([1, 2]);
    expect(loaded.get('x')?.shape).toEqual([1000, 1000]);
  });

  it('waits for a slow one', async () => {
    let [inside, most, length] = [0, 0, 0];
    const slow = new Writable({
      write(chunk: Uint8Array, _, done) {
        most = Math.max(most, ++inside);
        length += chunk.length;
        setTimeout(() => {
          inside--;
          done();
        }, 20);
      },
    });
    await save(state, slow);
    expect([slow.writableFinished, most]).toEqual([true, 1]);
    expect(length).toBeGreaterThan(4_000_000);
  });

  it('fails with the error of one that fails, and of one that was closed', async () => {
    const failing = new Writable({ write: (_chunk, _encoding, done) => done(new Error('the disk is full')) });
    await expect(save(state, failing)).rejects.toThrow('the disk is full');
    const closed = new Writable({ write: (_chunk, _encoding, done) => done() });
    closed.end();
    await expect(save(state, closed)).rejects.toThrow();
    const stops = new Writable({ write: (_chunk, _encoding, _done) => setTimeout(() => stops.destroy(), 10) });
    await expect(save(state, stops)).rejects.toThrow();
  });
});

describe('Python’s sets', () => {
  it('load, with the tensors in them', async () => {
    const set = await load<Set<unknown>>(new Uint8Array(readFileSync(fileURLToPath(new URL('./fixtures/sets.pt', import.meta.url)))));
    const { tensors, words } = set as unknown as { tensors: Set<Tensor>; words: Set<string> };
    expect(tensors).toBeInstanceOf(Set);
    const values = [...tensors].map((x) => x.toArraySync() as number[]).sort((a, b) => a[0] - b[0]);
    expect(values).toEqual([[1, 2], [3, 4, 5]]); // prettier-ignore
    expect([...words].sort()).toEqual(['a', 'b']);
  });
});
