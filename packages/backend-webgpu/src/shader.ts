import { bytesOf, collapse, isFloat, type DType, type Operand } from '@flambeau/core';
import type { Binding, Complaint } from './commands.ts';
import { LimitError } from './errors.ts';
import { isBindable, reachOf, type Machine } from './machine.ts';
import type { Access } from './pipelines.ts';
import type { Region } from './pool.ts';
import { accessors, halfAccessors, helpersOf, layoutFunctions, wordBits, wordNames, type WordLayout } from './wgsl.ts';

const scratch = new Float32Array(1);
const scratchBits = new Int32Array(scratch.buffer);
const floatBits = (value: number): number => {
  scratch[0] = value;
  return scratchBits[0];
};

interface BoundOperand {
  readonly x: Operand;
  /** Its buffer, named when the operand was: the tensor may be released before the program runs. */
  readonly region: Region;
  readonly write: boolean;
  /** 4 where elements of four words are read at once. */
  readonly width: 1 | 4;
}

/** A binding with how its elements are declared. */
interface Bound extends Binding {
  access: Access;
  /** Words that threads share. */
  atomic: boolean;
  /** Elements of 16 bits, as the shader knows them. */
  readonly half: boolean;
  readonly width: 1 | 4;
}

const codes = new Map<DType, string[]>();

/** What of an operand a program depends on, as a part of its key. */
function codeOf(place: number, { x: { dtype }, write, width }: BoundOperand): string {
  let known = codes.get(dtype);
  if (known === undefined) codes.set(dtype, (known = []));
  return (known[4 * place + (write ? 2 : 0) + (width === 4 ? 1 : 0)] ??= `,${place}${dtype}${write ? 'w' : ''}${width}`);
}

/**
 * A shader under construction, with the numbers of this one call: whatever shapes the program is in the source,
 * whatever changes from call to call is a word.
 */
export class Program {
  private readonly name: string;
  private readonly machine: Machine;
  private readonly words: number[] = [0x7fc00000, 0x7f800000];
  private readonly operands: BoundOperand[] = [];
  private readonly layouts: WordLayout[] = [];
  private flagged = false;
  private helpers = '';

  constructor(machine: Machine, name: string) {
    this.machine = machine;
    this.name = name;
  }

  /** A number of this call, as an i32. */
  word(value: number): string {
    return wordNames[this.words.push(value | 0) - 1];
  }

  /** A number of this call, as an f32. */
  float(value: number): string {
    return `bitcast<f32>(${this.word(floatBits(value))})`;
  }

  /** A number in the register type of a dtype. */
  scalar(value: number, dtype: DType): string {
    if (isFloat(dtype)) return this.float(value);
    const word = this.word(dtype === 'bool' ? (value === 0 ? 0 : 1) : value);
    return dtype === 'uint32' ? `bitcast<u32>(${word})` : word;
  }

  /**
   * A tensor: `loadN(place)` reads it, and `storeN(place, value)` writes it where it is an output. With `width` 4, only read and float32,
   * `quadN(place)` reads four elements at a place that 4 divides.
   * @throws LimitError when the tensor is larger than the adapter can bind
   */
  operand(x: Operand, write = false, width: 1 | 4 = 1): number {
    if (!isBindable(x, this.machine.limits)) {
      throw new LimitError({
        op: this.name,
        expected: `tensors within this adapter's limit maxStorageBufferBindingSize of ${this.machine.limits.maxStorageBufferBindingSize} bytes`,
        received: `one of ${x.storage.byteLength} bytes`,
        hint: 'Use smaller batches, or split the tensor.',
      });
    }
    return this.operands.push({ x, region: this.machine.regionOf(x), write, width }) - 1;
  }

  /** How many operands there are. */
  get size(): number {
    return this.operands.length;
  }

  /** How many numbers of this call there are; at most 128 fit. */
  get wordCount(): number {
    return this.words.length;
  }

  /** Functions that more than one program uses. */
  include(text: string): void {
    this.helpers += text;
  }

  /** Says that values may be refused. @returns the code for `complain(code, value)` */
  complaint(complaint: Complaint): string {
    this.flagged = true;
    return this.word(this.machine.queue.faults.codeOf(complaint));
  }

  /** Defines `nameK(i)`: where element i of a space of `shape` lies in layout K. */
  layout(name: string, shape: readonly number[], strides: readonly (readonly number[])[], offsets: readonly number[]): void {
    const space = shape.length === 0 ? { shape, strides } : collapse(shape, strides);
    const rank = space.shape.length;
    this.layouts.push({ name, rank, count: offsets.length, first: this.words.length });
    for (const size of space.shape) this.words.push(size);
    for (let k = 0; k < offsets.length; k++) {
      this.words.push(offsets[k]);
      for (let d = 0; d < rank; d++) this.words.push(space.strides[k][d]);
    }
  }

  /** What is bound: one binding for operands that share a buffer. @returns for each operand also which it has, and what is taken off its places */
  private bindings(): { bindings: Bound[]; places: number[]; shifts: string[] } {
    const { operands, machine } = this;
    const most = machine.limits.maxStorageBufferBindingSize;
    const bindings: Bound[] = [];
    const places: number[] = [];
    const shifts: string[] = [];
    for (const { x, region, write, width } of operands) {
      // Elements smaller than a word share it with those of other threads.
      const half = machine.float16 && x.dtype === 'float16' && operands.every((o) => o.region !== region || o.x.dtype === 'float16');
      const atomic = write && wordBits[x.dtype] !== undefined && !half;
      let [from, size]: [number | undefined, number | undefined] = [undefined, undefined];
      let shift = '';
      if (region.size > most) {
        const [low, high] = reachOf(x);
        const bytes = bytesOf(x.dtype);
        from = Math.floor((low * bytes) / 256) * 256;
        size = Math.min(region.size - from, Math.ceil(((high + 1) * bytes - from) / 16) * 16);
        shift = ` - ${this.word(from / bytes)}`;
      }
      shifts.push(shift);
      let place = 0;
      while (place < bindings.length) {
        const other = bindings[place];
        if (other.region === region && other.from === from && other.size === size && other.width === width) break;
        place++;
      }
      places.push(place);
      if (place === bindings.length) bindings.push({ region, from, size, width, half, access: write ? 'write' : 'read', atomic });
      else {
        if (write) bindings[place].access = 'write';
        if (atomic) bindings[place].atomic = true;
      }
    }
    return { bindings, places, shifts };
  }

  /**
   * Runs `body` for i from 0 to `threads` - 1. Where the name, the operands, the words and `way` say all that the body depends on, it may be a
   * function, which is called once for all calls that agree in them: long texts are dear to write and to look up.
   */
  run(threads: number, body: string | (() => string), way = ''): void {
    if (threads === 0) return;
    const count = this.word(threads);
    const text = (): string => (typeof body === 'string' ? body : body());
    const main = (across: number): string => `let i = i32(id.x + id.y * ${across * 64}u);\n  if (i >= ${count}) { return; }\n  ${text()}`;
    this.launch(Math.ceil(threads / 64), 64, main, '', typeof body === 'string' ? '' : `${way} ${this.words.length}`);
  }

  /**
   * Runs `body` in workgroups of `size` threads: `group` counts them, `local` the threads of one. What they share is declared in `shared`; a
   * function and its `way` are as for `run`.
   */
  runGroups(groups: number, size: number, shared: string, body: string | (() => string), way = ''): void {
    if (groups === 0) return;
    const count = this.word(groups);
    const text = (): string => (typeof body === 'string' ? body : body());
    const main = (across: number): string =>
      `let group = i32(wid.x + wid.y * ${across}u);\n  if (group >= ${count}) { return; }\n  let local = i32(lid.x);\n  ${text()}`;
    this.launch(groups, size, main, shared, typeof body === 'string' ? '' : `${way} ${this.words.length}`);
  }

  private launch(groups: number, size: number, body: (across: number) => string, shared = '', way = ''): void {
    const { queue, limits } = this.machine;
    const { bindings, places, shifts } = this.bindings();
    const widest = limits.maxComputeWorkgroupsPerDimension;
    if (Math.ceil(groups / widest) > widest) {
      throw new LimitError({
        op: this.name,
        expected: `at most ${widest} x ${widest} workgroups, this adapter's limit maxComputeWorkgroupsPerDimension`,
        received: String(groups),
        hint: 'Use smaller batches.',
      });
    }
    const main = way === '' ? body(widest) : '';
    // How a binding is declared follows from its operands; where `way` says what the code depends on, it says so of the helpers too.
    let key = this.flagged ? `${this.name}|${size}!` : `${this.name}|${size}`;
    for (let k = 0; k < places.length; k++) key += codeOf(places[k], this.operands[k]) + shifts[k];
    for (const { name, rank, count, first } of this.layouts) key += `|${name}${rank}x${count}at${first}`;
    key += `|${shared}|${way === '' ? this.helpers + main : way}`;
    const all = this.flagged ? [...bindings, queue.flagBinding] : bindings;
    const pipeline =
      queue.pipelines.find(key) ??
      queue.pipelines.make(key, this.name, this.source(bindings, places, shifts, way === '' ? main : body(widest), size, shared), all.map(({ access }) => access)); // prettier-ignore
    queue.dispatch({ pipeline, bindings: all, words: this.words, groups: [Math.min(groups, widest), Math.ceil(groups / widest)] });
  }

  private source(
    bindings: readonly Bound[],
    places: readonly number[],
    shifts: readonly string[],
    main: string,
    size: number,
    shared: string,
  ): string {
    let head = bindings.some(({ half }) => half) ? 'enable f16;\n' : '';
    head += 'struct P { v: array<vec4<i32>, 32> }\n@group(0) @binding(0) var<uniform> p: P;\n';
    bindings.forEach(({ access, atomic, half, width }, i) => {
      const element = width === 4 ? 'vec4<u32>' : half ? 'f16' : atomic ? 'atomic<u32>' : 'u32';
      head += `@group(0) @binding(${i + 1}) var<storage, ${access === 'read' ? 'read' : 'read_write'}> b${i}: array<${element}>;\n`;
    });
    if (this.flagged) {
      head += `@group(0) @binding(${bindings.length + 1}) var<storage, read_write> flags: array<atomic<u32>>;
fn complain(code: i32, value: i32) { if (atomicLoad(&flags[0]) == 0u) { atomicStore(&flags[0], u32(code)); atomicStore(&flags[1], bitcast<u32>(value)); } }\n`;
    }
    let code = this.helpers;
    this.operands.forEach(({ x, write, width }, k) => {
      if (width === 4) code += `fn quad${k}(at: i32) -> vec4<f32> { return bitcast<vec4<f32>>(b${places[k]}[(at${shifts[k]}) >> 2u]); }\n`;
      else if (bindings[places[k]].half) code += halfAccessors(k, `b${places[k]}`, write, shifts[k]);
      else code += accessors(k, x.dtype, `b${places[k]}`, bindings[places[k]].atomic, write, shifts[k]);
    });
    code += `${this.layouts.map(layoutFunctions).join('')}${shared}
@compute @workgroup_size(${size}) fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_id) lid: vec3<u32>, @builtin(workgroup_id) wid: vec3<u32>) {
  ${main}
}`;
    return `${head}${helpersOf(code)}\n${code}`;
  }
}
