import { ShapeError, bytesOf, dtypeNames, type DType, type Operand } from '@flambeau/core';
import type { Block, Memory } from './block.ts';

/** Doubles in the shared buffer; the first `head` are the error slot of native/command.h. */
export const commandLength = 4096;
const head = 8;
/** Where numbers that stand for operands lie: in the head, which kernels do not use for anything else while they run. */
const scalarSlot = 4;
/** Dimensions that a kernel can walk: native/nd.h. */
const maxRank = 64;

const dtypeIds = Object.fromEntries(dtypeNames.map((name, i) => [name, i])) as Record<DType, number>;
const float32Id = dtypeIds.float32;

/**
 * Writes the command of a kernel into the buffer that is shared with native code: `begin(id)`, then the values in the order in which the kernel
 * reads them, then `engine.run(op)`. Nothing is allocated here.
 */
export class CommandWriter {
  /** The shared buffer; the WASM engine replaces it when its memory grows. */
  view: Float64Array;
  private at = head;
  private readonly memory: Memory;
  /** The address of the buffer. */
  private readonly base: number;
  private scalars = 0;
  /** Scratch blocks of the call being written. */
  private readonly scratches: Block[] = [];

  constructor(view: Float64Array, memory: Memory, base: number) {
    this.view = view;
    this.memory = memory;
    this.base = base;
  }

  /** Starts a command for a kernel. */
  begin(kernel: number): void {
    this.memory.beginCall();
    this.view[1] = kernel;
    this.at = head;
    this.scalars = scalarSlot;
  }

  /** Writes a number: a size, a stride, a scalar, the id of a variant. */
  number(value: number): void {
    this.view[this.at++] = value;
  }

  /** Writes true as 1 and false as 0. */
  flag(value: boolean): void {
    this.view[this.at++] = value ? 1 : 0;
  }

  /** Writes the id of a dtype: enum DType of native/command.h. */
  dtype(dtype: DType): void {
    this.view[this.at++] = dtype === 'float32' ? float32Id : dtypeIds[dtype];
  }

  /** Writes the address of an operand's first element, or of another one `shift` elements on. */
  address(x: Operand, shift = 0): void {
    // The address first: bringing a block back may replace the view.
    const address = this.memory.address(x.storage.handle as Block) + (x.offset + shift) * bytesOf(x.dtype);
    this.view[this.at++] = address;
  }

  /** Writes the dtype and the address of an operand; a number is a float64 that every index finds at one place. */
  operand(x: Operand | number): void {
    if (typeof x === 'number') {
      this.dtype('float64');
      this.view[this.scalars] = x;
      this.view[this.at++] = this.base + 8 * this.scalars++;
    } else {
      this.dtype(x.dtype);
      this.address(x);
    }
  }

  /** Writes the address of an operand's storage, regardless of its offset. */
  storageAddress(x: Operand): void {
    const address = this.memory.address(x.storage.handle as Block);
    this.view[this.at++] = address;
  }

  /** Writes the address of memory with arbitrary content that is good until `run` returns. */
  scratch(byteLength: number): void {
    const block = this.memory.scratch(byteLength);
    this.scratches.push(block);
    const address = this.memory.address(block);
    this.view[this.at++] = address;
  }

  /** Writes numbers one after the other: a shape, strides. */
  list(values: readonly number[]): void {
    const { view } = this;
    let { at } = this;
    for (let i = 0; i < values.length; i++) view[at++] = values[i];
    this.at = at;
  }

  /** Writes a rank and a shape. @throws ShapeError past 64 dimensions */
  shape(shape: readonly number[]): void {
    if (shape.length > maxRank)
      throw new ShapeError({ op: 'cpu', expected: `at most ${maxRank} dimensions`, received: String(shape.length) });
    this.view[this.at++] = shape.length;
    this.list(shape);
  }

  /** Writes an operand's strides; a number's are 0. */
  strides(x: Operand | number, rank: number): void {
    if (typeof x !== 'number') this.list(x.strides);
    else for (let i = 0; i < rank; i++) this.view[this.at++] = 0;
  }

  /** Writes numbers without one of them. */
  listWithout(values: readonly number[], skipped: number): void {
    for (let i = 0; i < values.length; i++) if (i !== skipped) this.view[this.at++] = values[i];
  }

  /** Gives scratch memory back; called by `run`. */
  end(): void {
    while (this.scratches.length > 0) this.memory.release(this.scratches.pop() as Block);
  }
}
