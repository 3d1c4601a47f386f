/** The memory of one storage, as `storage.handle` holds it on this backend. Only the engine's memory changes it. */
export interface Block {
  /** Where it begins in the engine's address space; 0 while it is not there (WASM: copied out of the arena). */
  address: number;
  /** Bytes that it can hold: at least what was asked for. */
  readonly capacity: number;
}

/** Where an engine keeps the bytes of storages. Nobody holds an address or a typed array beyond one synchronous call. */
export interface Memory {
  /** Room for `byteLength` bytes with arbitrary content, aligned to 64 bytes. */
  allocate(byteLength: number): Block;
  /** The same for the time of one call whose operands may be addressed already: nothing is looked for that was collected. */
  scratch(byteLength: number): Block;
  /** Takes a block back; nobody uses it afterwards. */
  release(block: Block): void;
  /** Called before the operands of a kernel are addressed: from here to the end of the call, addressed blocks stay where they are. */
  beginCall(): void;
  /** The address of a block, brought back first where it was away. */
  address(block: Block): number;
  /** The bytes of a block, valid until the next call. */
  bytes(block: Block, byteOffset: number, byteLength: number): Uint8Array<ArrayBuffer>;
  /** Takes a typed array's memory as a block without a copy; undefined where that is not possible. */
  adopt?(bytes: Uint8Array): Block | undefined;
  /** Called where much has just become garbage: takes back the memory of blocks that nobody reaches, if there may be enough of it. */
  reclaim?(): void;
  readonly liveBytes: number;
  readonly peakBytes: number;
  readonly liveCount: number;
  readonly pooledBytes: number;
}
