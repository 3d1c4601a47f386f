import type { Access, Pipeline } from './pipelines.ts';
import type { Region } from './pool.ts';

/** A part of a buffer as a shader binds it; the whole of it where no bytes are named. */
export interface Binding {
  readonly region: Region;
  readonly access: Access;
  readonly from: number | undefined;
  readonly size: number | undefined;
}

/** A program with the numbers of one call, ready to be recorded. */
export interface Dispatch {
  readonly pipeline: Pipeline;
  readonly bindings: readonly Binding[];
  readonly words: readonly number[];
  readonly groups: readonly [number, number];
}

/** A piece of a buffer that is read. */
export interface Piece {
  readonly region: Region;
  readonly offset: number;
  readonly length: number;
}

/** Pieces on their way to the host. */
export interface Reading {
  readonly staging: GPUBuffer;
  readonly pieces: readonly Piece[];
  /** Its place in the order of all reads, from 1 on. */
  readonly number: number;
}

/** Values that a kernel refuses: what the error says when the device found one. */
export interface Complaint {
  readonly kind: 'index' | 'division';
  readonly op: string;
  readonly expected: string;
  readonly hint?: string;
}

/** How much was asked of the GPU since it was opened. */
export interface Counters {
  readonly dispatches: number;
  readonly submissions: number;
  /** Pipelines that were compiled. */
  readonly pipelines: number;
}

/** What a queue records. */
export type Command =
  | { readonly kind: 'dispatch'; readonly call: Dispatch; readonly run: number | undefined }
  | { readonly kind: 'write'; readonly region: Region; readonly offset: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'copy'; readonly from: Region; readonly to: Region; readonly bytes: number }
  | { readonly kind: 'read'; readonly pieces: readonly Piece[]; readonly number: number; readonly done: (reading: Reading) => void }
  | { readonly kind: 'host'; readonly run: () => Promise<void> }
  | { readonly kind: 'destroy'; readonly region: Region };
