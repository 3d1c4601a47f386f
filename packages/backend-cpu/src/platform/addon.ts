/** Watches objects until V8 has collected them. */
export interface Watchlist {
  /** Watches an object from now on; returns its slot. */
  watch(object: object): number;
  /** Ends the watch of an object that is not collected yet. */
  unwatch(slot: number): void;
  /**
   * The slots whose objects were collected, also within a synchronous loop; others get them from here on. Unless it looks at `all`, objects that
   * have outlived two calls are passed over in most.
   */
  collected(all: boolean): readonly number[];
}

/** What native/addon.cc exports. */
export interface Addon {
  /** Makes an engine on a command buffer; `wanted` names an instruction set, the widest one otherwise. */
  start(
    buffer: ArrayBuffer,
    wanted: string | undefined,
  ): { instructionSet: string; kernels: readonly string[]; run: () => void; setThreads: (count: number) => void };
  /** Where the bytes of an ArrayBuffer lie. */
  addressOf(buffer: ArrayBuffer): number;
  /** The same for a new buffer of the engine's own; a large one gets large pages of memory where the system has them. */
  settle(buffer: ArrayBuffer): number;
  /** Makes a watchlist. */
  watchlist(): Watchlist;
}

/** An addon, or why there is none. */
export type AddonSearch =
  | { readonly addon: Addon; readonly path: string }
  | { readonly addon: undefined; readonly reasons: readonly string[] };
