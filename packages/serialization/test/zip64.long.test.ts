import { spawnSync } from 'node:child_process';
import { statfsSync, statSync } from 'node:fs';
import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { describe, expect, it } from 'vitest';
import { openFile, save } from '../src/index.ts';
import { scratch, scratchFile } from './helpers.ts';

setDefaultDevice(cpu);
const gigabyte = 2 ** 30;
const { bavail, bsize } = statfsSync(scratch);
const lacksRoom = bavail * bsize < 8 * gigabyte;
const python = process.env['FLAMBEAU_PYTHON'] ?? 'python3';
const inCi = process.env['FLAMBEAU_CI'] === '1';
const lacksTorch = spawnSync(python, ['-c', 'import torch']).status !== 0;

/** Five tensors of 1 GiB: each is one byte that is repeated, and takes its memory only when it is written. */
const huge = (): Record<string, Tensor> =>
  Object.fromEntries([1, 2, 3, 4, 5].map((value) => [`part${value}`, tensor([value], { dtype: 'uint8' }).expand(gigabyte)]));

// Needs 8 GB on the disk of the temporary folder.
// There, a lack of room or of PyTorch fails and is not passed over.
describe.skipIf(lacksRoom && !inCi)('files above 4 GiB', () => {
  it.each(['pt', 'npz'])(
    'are written and read as %s',
    async (format) => {
      const path = scratchFile(`huge.${format}`);
      await save(huge(), path);
      expect(statSync(path).size).toBeGreaterThan(5 * gigabyte);
      const file = await openFile(path);
      expect(file.names()).toEqual(['part1', 'part2', 'part3', 'part4', 'part5']);
      const last = await file.tensor('part5');
      expect(last.shape).toEqual([gigabyte]);
      expect([last.select(0, 0).itemSync(), last.select(0, gigabyte - 1).itemSync()]).toEqual([5, 5]);
      last.dispose();
      await file.close();
      if (format === 'pt' && (inCi || !lacksTorch)) {
        const script = `
import sys, torch
state = torch.load(sys.argv[1], weights_only=True)
print([int(x[-1]) for x in state.values()], [x.numel() for x in state.values()] == [2**30] * 5)`;
        const ran = spawnSync(python, ['-c', script, path], { encoding: 'utf8' });
        expect(ran.stdout.trim(), ran.stderr).toBe('[1, 2, 3, 4, 5] True');
      }
    },
    600_000,
  );
});
