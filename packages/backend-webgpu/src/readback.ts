import type { Piece } from './commands.ts';

/** Bytes up to which a staging buffer is kept and used again: values and flags, which loops read in each step. */
const keptSize = 256;

const totalOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/** The same bytes in rounds of at most `most`, in order; a piece of more is cut. */
function inRounds(pieces: readonly Piece[], most: number): Piece[][] {
  const rounds: Piece[][] = [[]];
  let room = most;
  for (const { region, offset, length } of pieces) {
    let done = 0;
    do {
      if (room === 0) {
        rounds.push([]);
        room = most;
      }
      const part = Math.min(length - done, room);
      rounds[rounds.length - 1].push({ region, offset: offset + done, length: part });
      done += part;
      room -= part;
    } while (done < length);
  }
  return rounds;
}

/** Reads pieces of more bytes than one buffer takes, by `read`, which reads as many as one takes. All is asked for at once, so that it is of one time. */
export async function readInRounds(
  pieces: readonly Piece[],
  most: number,
  read: (pieces: readonly Piece[]) => Promise<Uint8Array<ArrayBuffer>[]>,
): Promise<Uint8Array<ArrayBuffer>[]> {
  if (totalOf(pieces) <= most) return read(pieces);
  const parts = (await Promise.all(inRounds(pieces, most).map((round) => read(round)))).flat();
  let next = 0;
  return pieces.map(({ length }) => {
    const first = parts[next++];
    if (first.length === length) return first;
    const whole = new Uint8Array(length);
    whole.set(first);
    for (let at = first.length; at < length; at += parts[next++].length) whole.set(parts[next], at);
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
