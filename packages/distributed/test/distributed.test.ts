import { describe, expect, it } from 'vitest';
import { lacksAddon, launch, launchers, mayLack } from './launch.ts';
import { expectSameTraining, train } from './training.ts';

const minute = 120_000;

describe('one process without mpirun', () => {
  it('passes every check of the collectives as a group of one', async () => {
    const { status, stdout, stderr } = await launch(undefined, 1, 'collectives');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ size: 1 });
  }, minute); // prettier-ignore

  it('trains with DistributedDataParallel', async () => {
    expect((await launch(undefined, 1, 'parallel')).stdout).toBe('all 1 ranks agree\n');
  }, minute); // prettier-ignore
});

describe.skipIf(lacksAddon)('a process that a launcher started', () => {
  it('names the package to install where there is no libmpi', async () => {
    const environment = { OMPI_COMM_WORLD_SIZE: '2', FLAMBEAU_MPI_LIBRARY: 'libmpi-of-nowhere.so' };
    const { status, stderr } = await launch(undefined, 1, 'collectives', [], environment);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/DistributedError: initProcessGroup: a libmpi for mpirun of Open MPI, got none \(libmpi-of-nowhere\.so: .*cannot open/);
    expect(stderr).toContain('apt-get install openmpi-bin');
  }, minute); // prettier-ignore

  it('refuses a library that is no MPI', async () => {
    const environment = { PMI_SIZE: '2', FLAMBEAU_MPI_LIBRARY: 'libm.so.6' };
    const { stderr } = await launch(undefined, 1, 'collectives', [], environment);
    expect(stderr).toMatch(/libm\.so\.6: it has no MPI_Init_thread/);
    expect(stderr).toContain('apt-get install mpich');
  }, minute); // prettier-ignore
});

describe.each(launchers)('under $name', (launcher) => {
  const run = it.skipIf(mayLack(launcher));

  run.each([['native'], ['wasm']])('two ranks pass every collective on every dtype, with tensors of the %s engine', async (engine) => {
    const { status, stdout, stderr } = await launch(launcher, 2, 'collectives', [], { FLAMBEAU_CPU: engine });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const found = JSON.parse(stdout) as { checks: number; size: number; mpi: { family: string; version: string; threadLevel: number } };
    expect(found).toMatchObject({ size: 2, mpi: { family: launcher.name } });
    expect(found.mpi.version).toContain(launcher.name);
    expect(found.mpi.threadLevel).toBeGreaterThanOrEqual(2);
    expect(found.checks).toBeGreaterThan(1000);
  }, minute); // prettier-ignore

  run('two ranks train like one process: buckets, accumulation, unused parameters, SyncBatchNorm, checkpoints', async () => {
    const { stdout, stderr } = await launch(launcher, 2, 'parallel', ['debug']);
    expect(stderr).toBe('');
    expect(stdout).toBe('all 2 ranks agree\n');
  }, minute); // prettier-ignore

  run('a rank that is killed ends the job with an error that names it', async () => {
    const { status, stderr, seconds } = await launch(launcher, 2, 'failure', ['killed']);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/flambeau distributed: rank 1 of 2 \(host \S+, process \d+\) has died/);
    expect(seconds).toBeLessThan(30);
  }, minute); // prettier-ignore

  run('a rank that throws ends the job with its error', async () => {
    const { status, stderr, stdout } = await launch(launcher, 2, 'failure', ['throws']);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/rank 1 of 2 \(process \d+\) ended with exit code 1: Error: the data is gone/);
    expect(stdout).not.toContain('went on');
  }, minute); // prettier-ignore

  run('a rank that stalls is named after the timeout', async () => {
    const { status, stderr } = await launch(launcher, 2, 'failure', ['stalls']);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/allReduce \(sum\) of float32 \[4\] in rank 0 has waited \S+ s: rank 1 of 2 \(host \S+, process \d+\) has not entered it/);
    expect(stderr).toContain('rank 0 caught DISTRIBUTED');
  }, minute); // prettier-ignore

  run.each([
    ['shape', 'allReduce (sum) of float32 [3]'],
    ['order', 'broadcast from rank 0 of float32 [4]'],
  ])('debug mode finds collectives that differ in %s', async (way, other) => {
    const { status, stderr } = await launch(launcher, 2, 'failure', [way]);
    expect(status).not.toBe(0);
    expect(stderr).toContain(`the ranks do not agree on collective 2 of their group: rank 0 calls allReduce (sum) of float32 [4], rank 1 calls ${other}`);
    // Both ranks have the error.
    expect(stderr).toContain('rank 0 caught DISTRIBUTED');
    expect(stderr).toContain('rank 1 caught DISTRIBUTED');
  }, minute); // prettier-ignore

  run('tensors of a device that reads asynchronously go through host memory, and reduceGradients stands before step', async () => {
    // MPICH's other way to reach its processes, which goes through npm and pnpm; the other tests take the usual one.
    const byPort = launcher.name === 'MPICH' && launcher.command !== undefined;
    const started = byPort ? { ...launcher, command: [...launcher.command, '-pmi-port'] } : launcher;
    expect((await launch(started, 2, 'asynchronous', ['waiting'])).stdout).toBe('2 ranks on waiting agree\n');
  }, minute); // prettier-ignore

  run('the CNN app trains in two processes, and one of them tells', async () => {
    const { stdout, status } = await launch(launcher, 2, 'tools/app.mjs', ['cnn', '--distributed', '--steps', '2']);
    expect(status).toBe(0);
    expect(stdout).toContain(`distributed: 2 processes, ${launcher.name}`);
    // 50 samples in each of the two processes.
    expect(stdout.match(/^2 steps in/gm)).toHaveLength(1);
  }, minute); // prettier-ignore

  run('two ranks give the losses and weights of one process over 4 steps of the CNN', async () => {
    const alone = await train(undefined, 1, '4', 'Adam', 'float32');
    expectSameTraining(alone, await train(launcher, 2, '4', 'Adam', 'float32'), 4);
  }, minute); // prettier-ignore
});

describe('a launcher and a library of different families', () => {
  const [openMpi, mpich] = launchers;
  it.skipIf(mayLack(openMpi) || mayLack(mpich))('are found out', async () => {
    const { status, stderr } = await launch(mpich, 2, 'collectives', [], { FLAMBEAU_MPI_LIBRARY: 'libmpi.so.40' });
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/the 2 processes that mpirun of MPICH has started, got a world of 1 from Open MPI/);
  }, minute); // prettier-ignore
});
