/** What native/addon.cc exports. */
export interface Addon {
  /** Makes an engine on a command buffer; `wanted` names an instruction set, the widest one otherwise. */
  start(
    buffer: ArrayBuffer,
    wanted: string | undefined,
  ): { instructionSet: string; kernels: readonly string[]; run: () => void; setThreads: (count: number) => void };
  /** Where the bytes of an ArrayBuffer lie. */
  addressOf(buffer: ArrayBuffer): number;
}

/** An addon, or why there is none. */
export type AddonSearch =
  | { readonly addon: Addon; readonly path: string }
  | { readonly addon: undefined; readonly reasons: readonly string[] };
