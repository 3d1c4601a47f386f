import { ArgumentError, checkInteger, describe } from '@flambeau/core';
import type { Transport } from './transport.ts';

/** Processes that act together: all of the job, or some. */
export class ProcessGroup {
  /** The ranks in the job of the members, in the order of their ranks in this group. */
  readonly ranks: readonly number[];
  /** This process's rank in the group; -1 when it is no member. */
  readonly rank: number;
  /** The number of the group, the same in all processes. */
  readonly index: number;
  /** Milliseconds that a rank waits for another, unless a call says otherwise. */
  readonly timeout: number;
  readonly transport: Transport;

  /** Made by `initProcessGroup` and `newGroup`. */
  constructor(ranks: readonly number[], rank: number, index: number, timeout: number, transport: Transport) {
    this.ranks = ranks;
    this.rank = rank;
    this.index = index;
    this.timeout = timeout;
    this.transport = transport;
  }

  /** The number of members. */
  get size(): number {
    return this.ranks.length;
  }
}

let world: ProcessGroup | undefined;

/** Sets, or with undefined forgets, the group of all processes. */
export function setWorld(group: ProcessGroup | undefined): void {
  world = group;
}

/** The group of all processes; undefined before `initProcessGroup`. */
export const currentWorld = (): ProcessGroup | undefined => world;

function checkGroup(op: string, group: ProcessGroup | undefined): void {
  if (group !== undefined && !(group instanceof ProcessGroup))
    throw new ArgumentError({ op, expected: 'group to be a ProcessGroup', received: describe(group) });
}

/** The group of a call: the given one, or that of all processes. @throws ArgumentError when there is none, or this process is no member */
export function groupOf(op: string, group: ProcessGroup | undefined): ProcessGroup {
  checkGroup(op, group);
  const found = group ?? world;
  if (found === undefined || world === undefined) {
    throw new ArgumentError({
      op,
      expected: 'a process group',
      received: 'none',
      hint: "Call initProcessGroup({ backend: 'mpi' }) first; without mpirun it is a group of one.",
    });
  }
  if (found.rank < 0) {
    throw new ArgumentError({
      op,
      expected: `one of the ranks ${found.ranks.join(', ')}`,
      received: `rank ${world.rank}, which is not in the group`,
      hint: 'Check group.rank >= 0 before the call.',
    });
  }
  return found;
}

/** @throws ArgumentError unless it is a number of milliseconds above 0, or not given */
export function checkTimeout(op: string, timeout: unknown): number | undefined {
  if (timeout === undefined || (typeof timeout === 'number' && timeout > 0)) return timeout;
  throw new ArgumentError({ op, expected: 'a timeout of more than 0 milliseconds', received: describe(timeout) });
}

/** The rank in a group of a rank in the job. @throws ArgumentError when it is no member */
export function rankInGroup(op: string, name: string, group: ProcessGroup, rank: number): number {
  checkInteger(op, name, rank, 0);
  const found = group.ranks.indexOf(rank);
  if (found < 0) throw new ArgumentError({ op, expected: `${name} to be one of ${group.ranks.join(', ')}`, received: String(rank) });
  return found;
}

/** The group that is asked about, also by those outside of it. */
function groupAsked(op: string, group: ProcessGroup | undefined): ProcessGroup {
  checkGroup(op, group);
  return group ?? groupOf(op, undefined);
}

/** The rank of this process in the job, or in a group (-1 outside of it). @throws ArgumentError before initProcessGroup */
export const getRank = (group?: ProcessGroup): number => groupAsked('getRank', group).rank;

/** The number of processes in the job, or in a group (-1 outside of it). @throws ArgumentError before initProcessGroup */
export function getWorldSize(group?: ProcessGroup): number {
  const found = groupAsked('getWorldSize', group);
  return found.rank < 0 ? -1 : found.size;
}

/** True between initProcessGroup and destroyProcessGroup. */
export const isInitialized = (): boolean => world !== undefined;
