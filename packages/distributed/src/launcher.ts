import { fstatSync } from 'node:fs';

/** Who started this process as one of several. */
export interface Launcher {
  /** As messages name it: `mpirun of Open MPI`. */
  readonly name: string;
  /** The processes that it started; undefined where only MPI knows. */
  readonly size: number | undefined;
  /** The family of MPI that it belongs to; undefined where both use it. */
  readonly family: 'Open MPI' | 'MPICH' | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const number = (text: string | undefined): number | undefined => (text === undefined || !/^\d+$/.test(text) ? undefined : Number(text));

/** The launcher, by the variables that it sets; undefined for a program that was started alone. */
export function findLauncher(environment: Environment): Launcher | undefined {
  const openMpi = number(environment['OMPI_COMM_WORLD_SIZE']);
  if (openMpi !== undefined) return { name: 'mpirun of Open MPI', size: openMpi, family: 'Open MPI' };
  const step = number(environment['SLURM_STEP_NUM_TASKS']);
  const pmi = number(environment['PMI_SIZE']);
  if (step !== undefined && environment['PMIX_RANK'] !== undefined) return { name: 'srun with PMIx', size: step, family: undefined };
  if (pmi !== undefined) return { name: step === undefined ? 'mpirun of MPICH' : 'srun with PMI', size: pmi, family: 'MPICH' };
  // mpirun -pmi-port tells a process where to ask, and not how many there are.
  if (environment['PMI_PORT'] !== undefined && environment['PMI_ID'] !== undefined)
    return { name: 'mpirun of MPICH', size: undefined, family: 'MPICH' };
  if (step !== undefined && step > 1) return { name: 'srun', size: step, family: undefined };
  return undefined;
}

const openMpiNames = ['libmpi.so.40', 'libmpi.so'];
const mpichNames = ['libmpich.so.12', 'libmpi.so.12', 'libmpich.so', 'libmpi.so'];
const macNames = ['libmpi.dylib', '/opt/homebrew/lib/libmpi.dylib', '/usr/local/lib/libmpi.dylib'];

/** Names of libmpi to try, in order. `FLAMBEAU_MPI_LIBRARY` names the only one. */
export function libraryNames(launcher: Launcher, environment: Environment, platform: string = process.platform): readonly string[] {
  const chosen = environment['FLAMBEAU_MPI_LIBRARY'];
  if (chosen !== undefined && chosen !== '') return [chosen];
  if (platform === 'darwin') return macNames;
  if (launcher.family === 'Open MPI') return openMpiNames;
  if (launcher.family === 'MPICH') return mpichNames;
  return [...new Set([...openMpiNames.slice(0, 1), ...mpichNames])];
}

/**
 * What is wrong with the connection that mpirun of MPICH gives its processes: a file descriptor, which a program between mpirun and this one
 * (a shell script keeps it, a package manager may not) can lose. @returns undefined where nothing is
 */
export function lostConnection(environment: Environment): string | undefined {
  const descriptor = number(environment['PMI_FD']);
  if (descriptor === undefined) return undefined;
  try {
    if (fstatSync(descriptor).isSocket()) return undefined;
  } catch {
    // It is closed.
  }
  return `file descriptor ${descriptor}, its connection to mpirun, closed by a program between mpirun and this one`;
}

/** What to do where no libmpi is found. */
export function installHint(launcher: Launcher): string {
  const openMpi = "Open MPI's: apt-get install openmpi-bin (Debian, Ubuntu), dnf install openmpi (Fedora), brew install open-mpi (macOS)";
  const mpich = "MPICH's: apt-get install mpich (Debian, Ubuntu), dnf install mpich (Fedora), brew install mpich (macOS)";
  const both = launcher.family === 'Open MPI' ? openMpi : launcher.family === 'MPICH' ? mpich : `${openMpi}; or ${mpich}`;
  return `Install ${both}. FLAMBEAU_MPI_LIBRARY names a library that lies elsewhere.`;
}
