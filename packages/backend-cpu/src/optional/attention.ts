import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { isFloat32, isRowMajor } from './operands.ts';
import { scratchBytes } from './product.ts';

interface AttentionAttrs {
  readonly isCausal: boolean;
  readonly scale: number;
  readonly withMask?: boolean;
}

/** What a query may see: enum Sight of native/kernels/attention.cc. */
const sights = { everything: 0, causal: 1, bytes: 2, floats: 3 };

/** A tensor whose rows lie together; rows and batches may have any stride. */
const hasRows = (x: Operand): boolean =>
  isFloat32(x) && x.count > 0 && (x.strides[x.shape.length - 1] === 1 || x.shape[x.shape.length - 1] === 1);
const isMask = (x: Operand | undefined): boolean => x === undefined || x.dtype === 'float32' || x.dtype === 'bool';

/** Queries whose scores are held at once: their rows stay in the second cache. */
const blockOf = (queries: number, keys: number): number => Math.min(queries, 128, Math.max(16, Math.floor(2 ** 16 / keys)));

const whole = (n: number): number => Math.ceil(n / 16) * 16;

/** Scaled dot-product attention and its gradient, in float32. */
export function attentionKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [forwardId, gradId] = [engine.kernelId('attention'), engine.kernelId('attentionGrad')];

  const writeHead = (
    query: Operand,
    value: Operand,
    mask: Operand | undefined,
    rows: number,
    { isCausal, scale }: AttentionAttrs,
  ): void => {
    const dims = query.shape.length - 2;
    command.number(query.shape[dims]);
    command.number(value.shape[dims]);
    command.number(query.shape[dims + 1]);
    command.number(value.shape[dims + 1]);
    command.number(rows);
    command.number(
      isCausal ? sights.causal : mask === undefined ? sights.everything : mask.dtype === 'bool' ? sights.bytes : sights.floats,
    );
    command.number(scale);
    command.number(dims);
    for (let d = 0; d < dims; d++) command.number(query.shape[d]);
    if (mask === undefined) command.number(0);
    else command.address(mask);
    for (let d = 0; d < 2; d++) command.number(mask === undefined ? 0 : mask.strides[dims + d]);
    for (let d = 0; d < dims; d++) command.number(mask === undefined ? 0 : mask.strides[d]);
  };
  const writeRows = (x: Operand): void => {
    const dims = x.shape.length - 2;
    command.address(x);
    command.number(x.strides[dims]);
    for (let d = 0; d < dims; d++) command.number(x.strides[d]);
  };
  /** Scratch of each thread, as a number of floats. */
  const writeRooms = (floats: number): void => {
    command.number(whole(floats));
    command.scratch(4 * whole(floats) * engine.threads + 64);
  };

  const attention: OptionalKernel = {
    accepts: ([query, key, value, mask]) => hasRows(query) && hasRows(key) && hasRows(value) && isMask(mask),
    run([query, key, value, mask], [out, logSums], attrs) {
      const dims = query.shape.length - 2;
      const [queries, keys, width, valueWidth] = [query.shape[dims], key.shape[dims], query.shape[dims + 1], value.shape[dims + 1]];
      const rows = Math.min(blockOf(queries, keys), 64);
      command.begin(forwardId);
      writeHead(query, value, mask, rows, attrs as AttentionAttrs);
      for (const x of [query, key, value]) writeRows(x);
      command.address(out);
      command.address(logSums);
      writeRooms(rows * whole(keys) + 64 + Math.max(scratchBytes(rows, keys, width, 4), scratchBytes(rows, valueWidth, keys, 4)) / 4);
      engine.run('scaledDotProductAttention');
    },
  };

  const attentionGrad: OptionalKernel = {
    accepts: ([g, out, logSums, query, key, value, mask], attrs) =>
      (attrs as AttentionAttrs).withMask !== true &&
      [g, out, query, key, value].every(hasRows) &&
      isFloat32(logSums) &&
      isRowMajor(logSums) &&
      isMask(mask),
    run([g, out, logSums, query, key, value, mask], outputs, attrs) {
      const dims = query.shape.length - 2;
      const [queries, keys, width, valueWidth] = [query.shape[dims], key.shape[dims], query.shape[dims + 1], value.shape[dims + 1]];
      const rows = blockOf(queries, keys);
      const product = Math.max(
        scratchBytes(rows, keys, width, 4),
        scratchBytes(rows, keys, valueWidth, 4),
        scratchBytes(keys, valueWidth, rows, 4),
        scratchBytes(keys, width, rows, 4),
        scratchBytes(rows, width, keys, 4),
      );
      command.begin(gradId);
      writeHead(query, value, mask, rows, attrs as AttentionAttrs);
      for (const x of [g, query, key, value, out]) writeRows(x);
      command.address(logSums);
      for (const x of outputs) command.address(x);
      writeRooms(2 * rows * whole(keys) + 128 + product / 4);
      engine.run('scaledDotProductAttention');
    },
  };

  return { scaledDotProductAttention: attention, attentionGrad };
}
