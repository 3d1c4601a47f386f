import type { Piece } from './commands.ts';

/** Bytes up to which a staging buffer is kept and used again: values and flags, which loops read in each step. */
const keptSize = 256;

const wholeWords = (bytes: number): number => bytes - (bytes % 4);
const totalOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/** The bytes of each piece, of parts that follow each other. */
export function joined(parts: readonly Uint8Array<ArrayBuffer>[], pieces: readonly Piece[]): Uint8Array<ArrayBuffer>[] {
  let next = 0;
  return pieces.map(({ length }) => {
    if (parts[next].length === length) return parts[next++];
    const whole = new Uint8Array(length);
    for (let at = 0; at < length; at += parts[next++].length) whole.set(parts[next], at);
    return whole;
  });
}

/** The way of bytes from the GPU to the host: copied to a buffer that can be mapped, and out of that once the GPU has come so far. */
export class Readback {
  private readonly device: GPUDevice;
  private readonly waiting: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.device = device;
  }

  /** Pieces in groups, each of which fits with `beside` more bytes into one buffer; a piece that does not is cut. */
  groups(pieces: readonly Piece[], beside: number): Piece[][] {
    const most = wholeWords(this.device.limits.maxBufferSize - beside);
    if (totalOf(pieces) <= most) return [[...pieces]];
    const groups: Piece[][] = [];
    let room = 0;
    for (const { region, offset, length } of pieces) {
      let at = 0;
      do {
        if (room === 0) {
          groups.push([]);
          room = most;
        }
        const part = Math.min(room, length - at);
        groups[groups.length - 1].push({ region, offset: offset + at, length: part });
        room -= part;
        at += part;
      } while (at < length);
    }
    return groups;
  }

  /** Copies pieces of whole words one after the other. @returns the buffer for `bytes` */
  encode(encoder: GPUCommandEncoder, pieces: readonly Piece[]): GPUBuffer {
    const total = totalOf(pieces);
    const kept = total > keptSize ? undefined : this.waiting.pop();
    // GPUBufferUsage: MAP_READ 1, COPY_DST 8.
    const staging = kept ?? this.device.createBuffer({ size: Math.max(keptSize, total), usage: 1 | 8 });
    let at = 0;
    for (const { region, offset, length } of pieces) {
      if (length > 0) encoder.copyBufferToBuffer(region.buffer, offset, staging, at, length);
      at += length;
    }
    return staging;
  }

  /** What was copied; rejects when the GPU does not map the buffer. */
  async bytes(staging: GPUBuffer, pieces: readonly Piece[]): Promise<Uint8Array<ArrayBuffer>> {
    await staging.mapAsync(1);
    const total = totalOf(pieces);
    const bytes = new Uint8Array(staging.getMappedRange(0, Math.max(keptSize, total)).slice(0, total));
    if (total > keptSize) staging.destroy();
    else {
      staging.unmap();
      this.waiting.push(staging);
    }
    return bytes;
  }
}
