import type { Region } from './pool.ts';

/**
 * Buffers that wait to be used again, of which the oldest is taken first, whatever the order in which they came back. V8 gives back many at once;
 * in this order a loop pairs the same ones again and again, and finds what binds them.
 */
export class Shelf {
  /** A heap: none is older than the one at half its place. */
  private readonly regions: Region[] = [];

  push(region: Region): void {
    const { regions } = this;
    let place = regions.push(region) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (regions[above].id < region.id) break;
      regions[place] = regions[above];
      place = above;
    }
    regions[place] = region;
  }

  pop(): Region | undefined {
    const { regions } = this;
    const last = regions.pop();
    if (last === undefined || regions.length === 0) return last;
    const oldest = regions[0];
    let place = 0;
    for (let below = 1; below < regions.length; below = 2 * place + 1) {
      if (below + 1 < regions.length && regions[below + 1].id < regions[below].id) below++;
      if (last.id < regions[below].id) break;
      regions[place] = regions[below];
      place = below;
    }
    regions[place] = last;
    return oldest;
  }
}
