import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { launch, launchers, mayLack } from './launch.ts';
import { expectSameTraining, train } from './training.ts';

/** Chromium brings a software adapter, and a loader for it. */
const chromium = '/usr/lib/chromium';

describe.each(launchers)('under $name', (launcher) => {
  const run = it.skipIf(mayLack(launcher));

  run.each([2, 4])('%i ranks pass every collective on every dtype, also with 64 MB', async (ranks) => {
    const { status, stdout, stderr } = await launch(launcher, ranks, 'collectives', ['large']);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ size: ranks, mpi: { family: launcher.name } });
  });

  run('four ranks train like one process, whole and in groups', async () => {
    const { stdout, stderr } = await launch(launcher, 4, 'parallel');
    expect(stderr).toBe('');
    expect(stdout).toBe('all 4 ranks agree\n');
  });

  run('WebGPU tensors train like those of one process', async ({ skip }) => {
    const environment = { LD_LIBRARY_PATH: chromium, VK_ICD_FILENAMES: `${chromium}/vk_swiftshader_icd.json` };
    const { stdout, stderr } = await launch(launcher, 2, 'asynchronous', ['webgpu'], existsSync(chromium) ? environment : {});
    if (stderr.includes('NO_ADAPTER') && process.env['FLAMBEAU_CI'] !== '1') skip('there is no GPU, and no software adapter of Chromium');
    expect(stdout).toContain('2 ranks on webgpu agree');
  });

  run.each([
    ['absent', /not all ranks have started within 5 s: rank 3 of 4 \(host \S+\) has not come/],
    // Open MPI's mpirun sees it first, and names it in its own way.
    ['early', /rank 3 of 4 \(host \S+\) has not come|Process name: \[\[\d+,1\],3\]\s+Exit code: +3/],
    [
      'backward',
      /allReduce \(mean\) of float32 \[\d+\] in rank \d has waited \S+ s: rank 3 of 4 \(host \S+, process \d+\) has not entered it/,
    ],
    ['killed', /rank 3 of 4 \(host \S+, process \d+\) has died/],
    ['throws', /rank 3 of 4 \(process \d+\) ended with exit code 1: Error: the data is gone/],
    ['rejects', /rank 3 of 4 \(process \d+\) ended with exit code 1: Error: the data is gone/],
    ['exits', /rank 3 of 4 \(process \d+\) ended with exit code 3/],
    ['leaves', /rank 3 of 4 \(host \S+, process \d+\) has left/],
    ['stalls', /allReduce \(sum\) of float32 \[4\] in rank \d has waited \S+ s: rank 3 of 4 \(host \S+, process \d+\) has not entered it/],
    ['awaits', /rank 3 of 4 \(host \S+, process \d+\) has not entered it/],
    ['stopped', /rank 3 of 4 \(host \S+, process \d+\) has not (entered it|been heard of)/],
    ['group', /newGroup of ranks 0 in rank \d has waited \S+ s: rank 3 of 4 \(host \S+, process \d+\) has not entered it/],
    [
      'message',
      /recv from rank 3 of float32 \[4\] in rank \d has waited \S+ s: rank 3 of 4 \(host \S+, process \d+\) has not come to meet it/,
    ],
    ['shape', /the ranks do not agree .* rank 3 calls allReduce \(sum\) of float32 \[3\]/],
    ['order', /the ranks do not agree .* rank 3 calls broadcast from rank 0/],
  ])('the job ends within seconds and names the rank that fails: %s', async (way, message) => {
    const { status, stderr, stdout, seconds } = await launch(launcher, 4, 'failure', [way]);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(stdout).not.toContain('went on');
    expect(seconds).toBeLessThan(40);
  });

  // The tutorial's optimizer in its float32. SGD with momentum blows up what float32 rounds differently (to some 1e-5 after 50 steps), so it
  // is compared in float64.
  run.each([
    ['Adam', 'float32'],
    ['SGD', 'float64'],
  ])('2 and 4 ranks give the losses and weights of one process within 1e-6 over 50 steps of the CNN with %s in %s', async (...how) => {
    const alone = await train(undefined, 1, '50', ...how);
    for (const ranks of [2, 4]) expectSameTraining(alone, await train(launcher, ranks, '50', ...how), 50);
  });
});

describe('the benchmark', () => {
  const ci = process.env['FLAMBEAU_CI'] === '1';
  const torch = spawnSync(process.env['FLAMBEAU_PYTHON'] ?? 'python3', ['-c', 'import torch']).status === 0;
  const lacks = launchers.some(mayLack) || (!torch && !ci);

  it.skipIf(lacks)('prints the times of the collectives and of a step at 1 and 2 ranks, of both MPIs and beside Gloo', () => {
    const command = ['--import', 'tsx', '--conditions=flambeau-source', 'tools/bench/distributed/main.ts'];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, {
      cwd: fileURLToPath(new URL('../../../', import.meta.url)),
      encoding: 'utf8',
    });
    expect(stderr).not.toMatch(/failed:|without Gloo/);
    expect(status).toBe(0);
    const two = '\\d+\\.\\d+, \\d+\\.\\d+';
    expect(stdout).toMatch(/\| collective \| size \| Open MPI \S+ \| MPICH \S+ \S+ \| Gloo, PyTorch \S+ \|/);
    for (const collective of ['allReduce', 'broadcast', 'allGather'])
      expect(stdout.match(new RegExp(`^\\| ${collective} \\| \\d+ \\w+ \\| ${two} \\| ${two} \\| ${two} \\|$`, 'gm'))).toHaveLength(6);
    for (const [library, ranks] of [
      ['one process', 1],
      ['Open MPI', 2],
      ['MPICH', 2],
      ['Gloo', 1],
      ['Gloo', 2],
    ])
      // prettier-ignore
      expect(stdout).toMatch(new RegExp(`^\\| ${library}[^|]*\\| ${ranks} \\| ${two} \\| ${two} \\| -?\\d+ % \\|$`, 'm'));
  });
});
