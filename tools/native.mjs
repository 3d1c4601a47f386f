/** The step that builds the addon of backend-cpu, or says why it cannot; it knows itself what is up to date. */
export const buildAddon = ['the native engine', process.execPath, 'packages/backend-cpu/scripts/build.mjs'];

/** The step that builds the addon that opens libmpi; without it only groups of one process run. */
export const buildDistributed = ['the MPI addon', process.execPath, 'packages/distributed/scripts/build.mjs'];
