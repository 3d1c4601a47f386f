function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}

/** A unit vector orthogonal to a basis: the coordinate axis that lies farthest from it, made orthogonal twice. */
export function completing(basis: readonly Float64Array[], m: number): Float64Array {
  let best = new Float64Array(m);
  let bestLength = -1;
  for (let axis = 0; axis < m; axis++) {
    const candidate = new Float64Array(m);
    candidate[axis] = 1;
    for (let pass = 0; pass < 2; pass++) {
      for (const column of basis) {
        const along = dot(candidate, column);
        for (let i = 0; i < m; i++) candidate[i] -= along * column[i];
      }
    }
    const length = Math.sqrt(dot(candidate, candidate));
    if (length > bestLength) [best, bestLength] = [candidate, length];
    if (length > 0.7) break;
  }
  return best.map((x) => x / bestLength);
}
