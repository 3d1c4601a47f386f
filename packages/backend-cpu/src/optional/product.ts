import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { isRowMajor } from './operands.ts';

const computes = (x: Operand): boolean => x.dtype === 'float32' || x.dtype === 'float64';

/** Rows of a that are packed at once, at most. */
const blockRows = 112;

/** Bytes of scratch that a product in blocks needs at most; native/gemm.h: productScratch, for vectors of any width. */
export function scratchBytes(m: number, n: number, k: number, bytes: number): number {
  // A few rows are read where they lie.
  const packed = m > 8 ? blockRows : 0;
  const depth = Math.min(k, 520);
  // A single column is computed as the row of the transposed product.
  const padded = Math.ceil((n === 1 ? m : n) / 32) * 32;
  return bytes * (depth * padded + packed * (depth + 16) + 2 * padded + 128);
}

const none: readonly number[] = [];

/** matmul over any strides and batches, and linear with its bias, in float32 and float64. */
export function productKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [id, reduceId] = [engine.kernelId('product'), engine.kernelId('reduce')];

  /** out [...batch, m, n] = bias + a · b; the strides of a and b along k, and their other one, come apart so that transposing costs nothing. */
  function run(
    op: string,
    m: number,
    n: number,
    k: number,
    a: Operand,
    aRow: number,
    aColumn: number,
    b: Operand,
    bRow: number,
    bColumn: number,
    out: Operand,
    bias: Operand | undefined,
    batch: readonly number[],
  ): void {
    command.begin(id);
    command.dtype(a.dtype);
    command.number(m);
    command.number(n);
    command.number(k);
    command.address(a);
    command.number(aRow);
    command.number(aColumn);
    command.address(b);
    command.number(bRow);
    command.number(bColumn);
    command.address(out);
    if (bias === undefined) command.number(0);
    else command.address(bias);
    const scratch = Math.ceil(scratchBytes(m, n, k, a.dtype === 'float64' ? 8 : 4) / 64) * 64;
    command.scratch(scratch * engine.threads);
    command.number(scratch);
    command.number(batch.length);
    if (batch.length > 0) {
      command.list(batch);
      command.list(a.strides.slice(0, batch.length));
      command.list(b.strides.slice(0, batch.length));
    }
    engine.run(op);
  }

  const matmul: OptionalKernel = {
    accepts: ([a]) => computes(a),
    run([a, b], [out]) {
      const last = a.shape.length - 1;
      const batch = last === 1 ? none : out.shape.slice(0, -2);
      run(
        'matmul',
        a.shape[last - 1],
        b.shape[last],
        a.shape[last],
        a,
        a.strides[last - 1],
        a.strides[last],
        b,
        b.strides[last - 1],
        b.strides[last],
        out,
        undefined,
        batch,
      );
    },
  };

  const linear: OptionalKernel = {
    // The rows of x must follow one another at one stride: true for two dimensions and for everything contiguous.
    accepts: ([x, , bias]) =>
      computes(x) && (x.shape.length === 2 || isRowMajor(x)) && (bias === undefined || bias.strides[0] === 1 || bias.count === 1),
    run([x, weight, bias], [out]) {
      const last = x.shape.length - 1;
      const [n, k] = weight.shape;
      run(
        'linear',
        k === 0 ? out.count / Math.max(n, 1) : x.count / k,
        n,
        k,
        x,
        last === 1 ? x.strides[0] : k,
        x.strides[last],
        weight,
        weight.strides[1],
        weight.strides[0],
        out,
        bias,
        none,
      );
    },
  };

  const linearGrad: OptionalKernel = {
    accepts: ([g, x]) => computes(g) && g.count > 0 && x.count > 0 && isRowMajor(g) && (x.shape.length === 2 || isRowMajor(x)),
    run([g, x, weight], outputs, attrs) {
      const { needs } = attrs as { readonly needs: readonly boolean[] };
      const last = x.shape.length - 1;
      const [n, k] = weight.shape;
      const rows = x.count / k;
      let next = 0;
      // g [R,N] · W [N,K] → [R,K]
      if (needs[0]) run('linearGrad', rows, k, n, g, n, 1, weight, weight.strides[0], weight.strides[1], outputs[next++], undefined, none);
      // gᵀ [N,R] · x [R,K] → [N,K]
      if (needs[1])
        run('linearGrad', n, k, rows, g, 1, n, x, last === 1 ? x.strides[0] : k, x.strides[last], outputs[next++], undefined, none);
      if (needs[2]) sumRows(g, rows, n, outputs[next]);
    },
  };

  /** out [N] = the sum of the rows of g [R, N]. */
  function sumRows(g: Operand, rows: number, n: number, out: Operand): void {
    command.begin(reduceId);
    command.number(0); // a sum
    command.number(g.dtype === 'float64' ? 1 : 0);
    command.operand(out);
    command.operand(g);
    for (const value of [1, n, 1, 1, 1, rows, n]) command.number(value); // kept: size, strides of out and g; then reduced: size, stride of g
    engine.run('linearGrad');
  }

  return { matmul, linear, linearGrad };
}
