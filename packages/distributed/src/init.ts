import { ArgumentError, checkInteger, describe, readCall } from '@flambeau/core';
import { findAddon } from './addon.ts';
import { DistributedError } from './error.ts';
import { checkTimeout, currentWorld, groupOf, ProcessGroup, setWorld } from './group.ts';
import { findLauncher, installHint, libraryNames, lostConnection, type Launcher } from './launcher.ts';
import { RollCall } from './rollCall.ts';
import { MpiTransport, SoloTransport, type Transport } from './transport.ts';
import type { Work } from './work.ts';

/** Options of initProcessGroup. Times are in milliseconds. */
export interface InitOptions {
  /** MPI, the only one. */
  backend?: 'mpi';
  /** How long a rank waits for another in a collective before the job ends with an error that names it; a minute by default. */
  timeout?: number;
  /** How long all ranks have to come to initProcessGroup; a minute by default. */
  startTimeout?: number;
  /** How long a rank may be silent before it counts as dead or stopped; ten seconds by default. */
  silenceTimeout?: number;
  /** Compares each collective with those of the other ranks before it begins; else the variable FLAMBEAU_DISTRIBUTED_DEBUG=1 does. */
  debug?: boolean;
}

/** The MPI that was found. */
export interface MpiInfo {
  /** Whose ABI it has. */
  readonly family: 'Open MPI' | 'MPICH';
  /** What the library says of itself: `Open MPI v4.1.4`. */
  readonly version: string;
  /** Where it lies. */
  readonly path: string;
  /** Who started the processes. */
  readonly launcher: string;
  /** The thread level that it gives; 2 is MPI_THREAD_SERIALIZED, which is needed, 3 MPI_THREAD_MULTIPLE. */
  readonly threadLevel: number;
}

let info: MpiInfo | undefined;
/** MPI starts once in a process. */
let ended = false;
let groups = 0;

/** Which MPI runs; undefined before initProcessGroup and in a group of one, which needs none. */
export const mpiInfo = (): MpiInfo | undefined => info;

const milliseconds = (name: string, value: unknown, fallback: number): number => {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && value > 0) return value;
  throw new ArgumentError({ op: 'initProcessGroup', expected: `${name} to be more than 0 milliseconds`, received: describe(value) });
};

function checkDebug(debug: unknown): boolean | undefined {
  if (debug === undefined || typeof debug === 'boolean') return debug;
  throw new ArgumentError({ op: 'initProcessGroup', expected: 'debug to be true or false', received: describe(debug) });
}

/**
 * Joins this process with the others that mpirun or srun has started; blocks until all are there. Without them it is a group of one, and
 * needs no MPI.
 * @returns the group of all processes
 * @throws DistributedError when there is no libmpi (the error names the package to install), it gives less than MPI_THREAD_SERIALIZED, or not
 * all ranks come
 * @example
 * initProcessGroup({ backend: 'mpi' });
 * console.log(`rank ${getRank()} of ${getWorldSize()}`);
 */
export function initProcessGroup(options: InitOptions = {}): ProcessGroup {
  const op = 'initProcessGroup';
  const names = ['backend', 'timeout', 'startTimeout', 'silenceTimeout', 'debug'];
  const given = readCall<InitOptions>(op, [options], [], names);
  if (given.backend !== undefined && given.backend !== 'mpi')
    throw new ArgumentError({ op, expected: "the backend 'mpi'", received: describe(given.backend) });
  if (currentWorld() !== undefined)
    throw new ArgumentError({ op, expected: 'to be called once', received: 'a second call', hint: 'Use newGroup for further groups.' });
  const timeout = milliseconds('timeout', given.timeout, 60_000);
  const limits = {
    start: milliseconds('startTimeout', given.startTimeout, 60_000) / 1000,
    silence: milliseconds('silenceTimeout', given.silenceTimeout, 10_000) / 1000,
    debug: checkDebug(given.debug) ?? process.env['FLAMBEAU_DISTRIBUTED_DEBUG'] === '1',
  };
  const launcher = findLauncher(process.env);
  const world = launcher === undefined ? new ProcessGroup([0], 0, 0, timeout, new SoloTransport()) : join(op, launcher, limits, timeout);
  groups = 1;
  setWorld(world);
  return world;
}

type Limits = Parameters<Exclude<ReturnType<typeof findAddon>, string>['start']>[0];

function join(op: string, launcher: Launcher, limits: Limits, timeout: number): ProcessGroup {
  if (ended) throw new DistributedError({ op, expected: 'MPI to be started once in a process', received: 'a second time' });
  const addon = findAddon();
  if (typeof addon === 'string') {
    throw new DistributedError({
      op,
      expected: 'the addon of @flambeau/distributed for this machine',
      received: `none (${addon})`,
      hint: 'Build it with `node packages/distributed/scripts/build.mjs`, or install the platform package.',
    });
  }
  const lost = lostConnection(process.env);
  if (lost !== undefined) {
    throw new DistributedError({
      op,
      expected: `the way that ${launcher.name} gives its processes to each other`,
      received: lost,
      hint: 'Start node itself with mpirun, or use mpirun -pmi-port.',
    });
  }
  let found: ReturnType<typeof addon.open>;
  try {
    found = addon.open(libraryNames(launcher, process.env));
  } catch (error) {
    throw new DistributedError({
      op,
      expected: `a libmpi for ${launcher.name}`,
      received: `none (${error instanceof Error ? error.message : String(error)})`,
      hint: installHint(launcher),
    });
  }
  const transport = new MpiTransport(addon, limits.debug);
  const rollCall = new RollCall(launcher, process.env, limits.start);
  let place: ReturnType<typeof addon.start>;
  try {
    place = addon.start(limits, transport.settled);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DistributedError({
      op,
      expected: `${found.version} to start in all ranks`,
      received: [why, rollCall.missing()].filter((text) => text !== '').join(': '),
      hint: 'Every process of the job must call initProcessGroup, after the same imports.',
    });
  }
  rollCall.end();
  info = { ...found, launcher: launcher.name, threadLevel: place.threadLevel };
  ended = true;
  endWithProcess(transport, place.rank, place.size);
  if (launcher.size !== undefined && place.size !== launcher.size) {
    throw new DistributedError({
      op,
      expected: `the ${launcher.size} processes that ${launcher.name} has started`,
      received: `a world of ${place.size} from ${found.version} (${found.path}), which belongs to another launcher`,
      hint: `${installHint(launcher)} With Slurm, srun --mpi=pmix is for Open MPI and --mpi=pmi2 for MPICH.`,
    });
  }
  const ranks = Array.from({ length: place.size }, (_, i) => i);
  return new ProcessGroup(ranks, place.rank, 0, timeout, transport);
}

/** Leaves the job in order when the process ends well, and else tells the other ranks, so that nobody waits for it. */
function endWithProcess(transport: Transport, rank: number, size: number): void {
  let thrown: unknown;
  process.on('uncaughtExceptionMonitor', (error) => {
    thrown = error;
  });
  process.on('exit', (code) => {
    const world = currentWorld();
    if (world !== undefined && (code !== 0 || thrown !== undefined)) {
      const reason =
        thrown instanceof Error
          ? `: ${thrown.name}: ${thrown.message.split('\n')[0]}`
          : thrown === undefined
            ? ''
            : `: ${describe(thrown)}`;
      // A rank that ends because of the verdict on another tells nothing: the thread keeps the first reason.
      transport.fail(`rank ${rank} of ${size} (process ${process.pid}) ended with exit code ${code}${reason}`);
    } else if (world !== undefined) {
      try {
        leave(world).waitSync();
      } catch (error) {
        console.error(String(error));
        process.exitCode = 1;
      }
    }
    transport.stop();
  });
}

/** Waiting for the others at the end is no reason to end the job early: a last evaluation may take its time. */
const leaveTimeout = 300_000;

function leave(world: ProcessGroup, timeout: number = Math.max(world.timeout, leaveTimeout)): Work<void> {
  const task = { kind: 'leave', group: 0, type: 'uint8', count: 0, seconds: timeout / 1000, label: 'destroyProcessGroup' } as const;
  setWorld(undefined);
  return world.transport.submit<void>(task, () => undefined, () => undefined); // prettier-ignore
}

/**
 * Leaves the job: done when all ranks do. A program that ends without it does the same at its end. MPI cannot be started again afterwards.
 * Options: timeout, in milliseconds; at least five minutes by default.
 */
export function destroyProcessGroup(options: { timeout?: number } = {}): Work<void> {
  const op = 'destroyProcessGroup';
  const { timeout } = readCall<{ timeout?: number }>(op, [options], [], ['timeout']);
  return leave(groupOf(op, undefined), timeout);
}

/**
 * Makes a group of some ranks. Every process of the job must call it, also those that will be no members, in the same order.
 * @param ranks - ranks in the job; all by default
 * @returns the handle of the group, whose `rank` is -1 in a process that is no member
 */
export function newGroup(ranks?: readonly number[], options: { timeout?: number } = {}): Work<ProcessGroup> {
  const op = 'newGroup';
  const world = groupOf(op, undefined);
  const members = ranks ?? world.ranks;
  if (!Array.isArray(members) || members.length === 0 || new Set(members).size !== members.length)
    throw new ArgumentError({ op, expected: 'different ranks', received: describe(ranks) });
  for (const rank of members as readonly number[]) {
    if (checkInteger(op, 'a rank', rank, 0) >= world.size)
      throw new ArgumentError({ op, expected: `ranks below ${world.size}`, received: String(rank) });
  }
  const { timeout = world.timeout } = readCall<{ timeout?: number }>(op, [options], [], ['timeout']);
  checkTimeout(op, timeout);
  const index = groups++;
  const rank = members.indexOf(world.rank);
  const group = new ProcessGroup([...members], rank, index, timeout, world.transport);
  const task = {
    kind: 'newGroup',
    group: 0,
    type: 'uint8',
    count: index,
    // Members have the color 0 and are ordered by the key.
    peer: rank < 0 ? -1 : 0,
    tag: Math.max(rank, 0),
    seconds: world.timeout / 1000,
    label: `newGroup of ranks ${members.join(', ')}`,
    members,
  } as const;
  return world.transport.submit(task, () => group, () => undefined); // prettier-ignore
}
