export type { App, AppOptions } from './app.ts';
export { deviceNames, engineName, loadDevice } from './device.ts';
export type { Platform, ProgressState, RunResult, RunStart, RunView } from './platform.ts';
export { rate } from './rate.ts';
export type { Run } from './run.ts';
export { Session } from './session.ts';
export type { Order, Team } from './team.ts';
