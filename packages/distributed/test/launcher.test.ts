import { expect, it } from 'vitest';
import { initProcessGroup, type InitOptions } from '../src/index.ts';
import { findLauncher, installHint, libraryNames } from '../src/launcher.ts';

it.each([
  [{}, undefined],
  [{ OMPI_COMM_WORLD_SIZE: '4' }, { name: 'mpirun of Open MPI', size: 4, family: 'Open MPI' }],
  [
    { PMI_SIZE: '2', PMI_RANK: '0' },
    { name: 'mpirun of MPICH', size: 2, family: 'MPICH' },
  ],
  // mpirun -pmi-port
  [
    { PMI_PORT: 'host:34131', PMI_ID: '1' },
    { name: 'mpirun of MPICH', size: undefined, family: 'MPICH' },
  ],
  [
    { PMI_SIZE: '8', SLURM_STEP_NUM_TASKS: '8' },
    { name: 'srun with PMI', size: 8, family: 'MPICH' },
  ],
  [
    { PMIX_RANK: '1', SLURM_STEP_NUM_TASKS: '8' },
    { name: 'srun with PMIx', size: 8, family: undefined },
  ],
  [{ SLURM_STEP_NUM_TASKS: '8' }, { name: 'srun', size: 8, family: undefined }],
  // The batch script itself, without srun: one process.
  [{ SLURM_STEP_NUM_TASKS: '1', SLURM_NTASKS: '8' }, undefined],
])('finds who started the process in %j', (environment, expected) => {
  expect(findLauncher(environment)).toEqual(expected);
});

it('tries the libraries of the launcher, of both families where it says nothing, or the one that is named', () => {
  const openMpi = { name: 'mpirun of Open MPI', size: 2, family: 'Open MPI' } as const;
  const mpich = { name: 'mpirun of MPICH', size: 2, family: 'MPICH' } as const;
  const unknown = { name: 'srun', size: 2, family: undefined } as const;
  expect(libraryNames(openMpi, {}, 'linux')[0]).toBe('libmpi.so.40');
  expect(libraryNames(mpich, {}, 'linux')[0]).toBe('libmpich.so.12');
  expect(libraryNames(unknown, {}, 'linux')).toEqual(expect.arrayContaining(['libmpi.so.40', 'libmpi.so.12', 'libmpich.so.12']));
  expect(libraryNames(mpich, { FLAMBEAU_MPI_LIBRARY: '/opt/mpi/libmpi.so' }, 'linux')).toEqual(['/opt/mpi/libmpi.so']);
  expect(installHint(openMpi)).toContain('openmpi-bin');
  expect(installHint(openMpi)).not.toContain('mpich');
  expect(installHint(unknown)).toMatch(/openmpi-bin.*mpich/);
});

it.each([
  [{ debug: 1 }, 'debug to be true or false, got 1'],
  [{ debug: 'yes' }, 'debug to be true or false'],
  [{ timeout: 0 }, 'timeout to be more than 0 milliseconds'],
  [{ startTimeout: '5' }, 'startTimeout to be more than 0 milliseconds'],
  [{ silenceTimeout: Number.NaN }, 'silenceTimeout to be more than 0 milliseconds'],
  [{ backend: 'gloo' }, "the backend 'mpi'"],
  [{ backned: 'mpi' }, 'backned'],
])('refuses %j before it joins anyone', (options, message) => {
  expect(() => initProcessGroup(options as InitOptions)).toThrow(message);
});
