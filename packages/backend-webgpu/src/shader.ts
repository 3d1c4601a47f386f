import { collapse, isFloat, type DType, type Operand } from '@flambeau/core';
import type { Block } from './pool.ts';
import type { Binding, CommandQueue } from './queue.ts';

const scratch = new Float32Array(1);
const scratchBits = new Int32Array(scratch.buffer);
const floatBits = (value: number): number => {
  scratch[0] = value;
  return scratchBits[0];
};

/** The type that a dtype has in registers. */
export const typeOf = (dtype: DType): 'f32' | 'i32' => (isFloat(dtype) ? 'f32' : 'i32');

// NaN and infinity cannot be written in WGSL; they come with the parameters.
const prelude = `
fn nan() -> f32 { return bitcast<f32>(p.v[0].x); }
fn inf() -> f32 { return bitcast<f32>(p.v[0].y); }
fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn isInf(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }
fn isZero(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0u; }
fn toInt(x: f32) -> i32 { return select(i32(clamp(x, -2147483648.0, 2147483520.0)), 0, isNan(x)); }
fn toHalf(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 16u) & 0x8000u;
  let m = bits & 0x7fffffffu;
  if (m > 0x7f800000u) { return sign | 0x7e00u; }
  if (m >= 0x477ff000u) { return sign | 0x7c00u; }
  if (m < 0x38800000u) { return sign | u32(round(bitcast<f32>(m) * 16777216.0)); }
  return sign | ((m - 0x38000000u + 0xfffu + ((m >> 13u) & 1u)) >> 13u);
}
fn toBrain(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return (bits >> 16u) | 0x40u; }
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}
`;

const wordBits: Partial<Record<DType, number>> = { bool: 8, uint8: 8, int8: 8, int16: 16, float16: 16, bfloat16: 16 };

/** Converts a value in a register from one dtype to the register type of another, as `copy` does. */
export function convert(value: string, from: DType, to: DType): string {
  if (from === to) return value;
  if (to === 'bool') return isFloat(from) ? `select(1, 0, isZero(${value}))` : `select(0, 1, (${value}) != 0)`;
  if (isFloat(from) === isFloat(to)) return value;
  return isFloat(to) ? `f32(${value})` : `toInt(${value})`;
}

/**
 * A shader under construction, with the numbers of this one call: whatever shapes the program is in the source,
 * whatever changes from call to call is a word.
 */
export class Program {
  private readonly words: number[] = [0x7fc00000, 0x7f800000];
  private readonly operands: { readonly x: Operand; readonly write: boolean }[] = [];
  private declarations = '';
  private flagged = false;
  private helpers = '';

  /** A number of this call, as an i32. */
  word(value: number): string {
    const i = this.words.push(value | 0) - 1;
    return `p.v[${i >> 2}].${'xyzw'[i & 3]}`;
  }

  /** A number of this call, as an f32. */
  float(value: number): string {
    return `bitcast<f32>(${this.word(floatBits(value))})`;
  }

  /** A number in the register type of a dtype. */
  scalar(value: number, dtype: DType): string {
    if (isFloat(dtype)) return this.float(value);
    return this.word(dtype === 'bool' ? (value === 0 ? 0 : 1) : value);
  }

  /** A tensor: `loadN(place)` reads it, and `storeN(place, value)` writes it where it is an output. */
  operand(x: Operand, write = false): number {
    return this.operands.push({ x, write }) - 1;
  }

  /** Functions that more than one program uses. */
  include(text: string): void {
    this.helpers += text;
  }

  /** Says that values may be refused: `complain(code, value)`. */
  complains(): void {
    this.flagged = true;
  }

  /** Defines `nameK(i)`: where element i of a space of `shape` lies in layout K. */
  layout(name: string, shape: readonly number[], strides: readonly (readonly number[])[], offsets: readonly number[]): void {
    const space = collapse(shape, strides);
    const sizes = space.shape.map((n) => this.word(n));
    offsets.forEach((offset, k) => {
      let code = '';
      for (let d = sizes.length - 1; d >= 0; d--) {
        const step = this.word(space.strides[k][d]);
        code += d === 0 ? `at += rest * ${step};` : `at += (rest % ${sizes[d]}) * ${step}; rest = rest / ${sizes[d]};`;
      }
      this.declarations += `fn ${name}${k}(i: i32) -> i32 { var rest = i; var at = ${this.word(offset)}; ${code} return at; }\n`;
    });
  }

  /** Runs `body` for i from 0 to `threads` - 1. */
  run(queue: CommandQueue, threads: number, body: string): void {
    if (threads === 0) return;
    const count = this.word(threads);
    const bindings: { region: Binding['region']; access: Binding['access']; atomic: boolean }[] = [];
    const places = this.operands.map(({ x, write }) => {
      const { region } = x.storage.handle as Block;
      let at = bindings.findIndex((b) => b.region === region);
      if (at < 0) at = bindings.push({ region, access: 'read', atomic: false }) - 1;
      if (write) {
        bindings[at].access = 'write';
        // Elements smaller than a word share it with those of other threads.
        if (wordBits[x.dtype] !== undefined) bindings[at].atomic = true;
      }
      return at;
    });
    let source = 'struct P { v: array<vec4<i32>, 32> }\n@group(0) @binding(0) var<uniform> p: P;\n';
    bindings.forEach(({ access, atomic }, i) => {
      source += `@group(0) @binding(${i + 1}) var<storage, ${access === 'read' ? 'read' : 'read_write'}> b${i}: array<${atomic ? 'atomic<u32>' : 'u32'}>;\n`;
    });
    if (this.flagged) {
      source += `@group(0) @binding(${bindings.length + 1}) var<storage, read_write> flags: array<atomic<u32>>;
fn complain(code: i32, value: i32) { if (atomicLoad(&flags[0]) == 0u) { atomicStore(&flags[0], u32(code)); atomicStore(&flags[1], bitcast<u32>(value)); } }\n`;
    }
    source += prelude + this.helpers;
    this.operands.forEach(({ x, write }, k) => {
      source += accessors(k, x.dtype, `b${places[k]}`, bindings[places[k]].atomic, write);
    });
    source += `${this.declarations}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = i32(id.x + id.y * 4194240u);
  if (i >= ${count}) { return; }
  ${body}
}`;
    queue.dispatch(source, bindings, this.words, threads, this.flagged);
  }
}

/** The functions that read and write elements of a dtype in a buffer of words. */
function accessors(k: number, dtype: DType, buffer: string, atomic: boolean, write: boolean): string {
  const get = (at: string): string => (atomic ? `atomicLoad(&${buffer}[${at}])` : `${buffer}[${at}]`);
  const type = typeOf(dtype);
  const bits = wordBits[dtype];
  if (bits === undefined) {
    let code = `fn load${k}(at: i32) -> ${type} { return bitcast<${type}>(${get('at')}); }\n`;
    if (write) {
      const set = atomic ? `atomicStore(&${buffer}[at], bitcast<u32>(v))` : `${buffer}[at] = bitcast<u32>(v)`;
      code += `fn store${k}(at: i32, v: ${type}) { ${set}; }\n`;
    }
    return code;
  }
  const [shift, mask] = bits === 8 ? ['at >> 2u', 3] : ['at >> 1u', 1];
  const word = get(shift);
  const place = `u32(at & ${mask}) * ${bits}u`;
  const raw = `extractBits(${word}, ${place}, ${bits}u)`;
  const loaded: Partial<Record<DType, string>> = {
    int8: `extractBits(bitcast<i32>(${word}), ${place}, 8u)`,
    int16: `extractBits(bitcast<i32>(${word}), ${place}, 16u)`,
    float16: `unpack2x16float(${raw}).x`,
    bfloat16: `bitcast<f32>(${raw} << 16u)`,
  };
  let code = `fn load${k}(at: i32) -> ${type} { return ${loaded[dtype] ?? `i32(${raw})`}; }\n`;
  if (write) {
    const packed =
      dtype === 'float16'
        ? 'toHalf(v)'
        : dtype === 'bfloat16'
          ? 'toBrain(v)'
          : dtype === 'bool'
            ? 'select(0u, 1u, v != 0)'
            : 'bitcast<u32>(v)';
    const ones = bits === 8 ? '255u' : '65535u';
    code += `fn store${k}(at: i32, v: ${type}) { let s = ${place}; atomicAnd(&${buffer}[${shift}], ~(${ones} << s)); atomicOr(&${buffer}[${shift}], (${packed} & ${ones}) << s); }\n`;
  }
  return code;
}
