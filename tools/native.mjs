/** The step that builds the addon of backend-cpu, or says why it cannot; it knows itself what is up to date. */
export const buildAddon = ['the native engine', process.execPath, 'packages/backend-cpu/scripts/build.mjs'];
