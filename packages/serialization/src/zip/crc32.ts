import { stretch, type Work } from '../files/work.ts';

// CRC-32 as zip and PNG use it (polynomial 0xEDB88320, reflected), four bytes at a time.
const tables: readonly Uint32Array[] = makeTables();

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = (c & 1) === 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    first[n] = c >>> 0;
  }
  const all = [first];
  for (let t = 1; t < 4; t++) all.push(first.map((_, n) => (all[t - 1][n] >>> 8) ^ first[all[t - 1][n] & 0xff]));
  return all;
}

/** The checksum of bytes; `previous` continues that of the bytes before. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  const [t0, t1, t2, t3] = tables;
  let c = ~previous;
  let i = 0;
  for (const end = bytes.length - 3; i < end; i += 4) {
    c ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    c = t3[c & 0xff] ^ t2[(c >>> 8) & 0xff] ^ t1[(c >>> 16) & 0xff] ^ t0[c >>> 24];
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ t0[(c ^ bytes[i]) & 0xff];
  return ~c >>> 0;
}

/** As `crc32`, with a turn for others after each stretch. */
export async function crc32Long(bytes: Uint8Array, work: Work): Promise<number> {
  let crc = 0;
  for (let at = 0; at < bytes.length; at += stretch) {
    const part = bytes.subarray(at, at + stretch);
    crc = crc32(part, crc);
    await work.turn(part.length);
  }
  return crc;
}
