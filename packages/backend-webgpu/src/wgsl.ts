// How values are written in WGSL: their types, conversions between dtypes, and the functions that read and write elements in buffers of words.
import { isFloat, type DType } from '@flambeau/core';
import { mathHelpers } from './mathHelpers.ts';
import { parameterBytes } from './pipelines.ts';

/** The types that values have in registers. */
export type RegisterType = 'f32' | 'i32' | 'u32';
/** The type that a dtype has in registers. */
export const typeOf = (dtype: DType): RegisterType => (isFloat(dtype) ? 'f32' : dtype === 'uint32' ? 'u32' : 'i32');
/** The dtype that lies in memory as the register type of a dtype does. */
export const registerOf = (dtype: DType): 'float32' | 'int32' | 'uint32' =>
  isFloat(dtype) ? 'float32' : dtype === 'uint32' ? 'uint32' : 'int32';

// NaN and infinity cannot be written in WGSL; they come with the parameters.
const prelude = `
fn nan() -> f32 { return bitcast<f32>(p.v[0].x); }
fn inf() -> f32 { return bitcast<f32>(p.v[0].y); }
fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn isInf(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }
fn isZero(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0u; }
fn toInt(x: f32) -> i32 {
  if (abs(x) < 2147483648.0) { return i32(x); }
  return bitcast<i32>(toUint(x));
}
fn toUint(x: f32) -> u32 {
  if (isNan(x) || isInf(x)) { return 0u; }
  // Modulo 2^32: each step is exact.
  let whole = trunc(abs(x));
  let low = u32(whole - floor(whole * 2.3283064365386963e-10) * 4294967296.0);
  return select(low, 0u - low, x < 0.0);
}
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

/** The functions of the texts above, by name. */
const library = new Map(
  `${prelude}${mathHelpers}`
    .split(/\n(?=fn )/)
    .map((text): [string, string] => [/^\s*fn (\w+)/.exec(text)?.[1] ?? '', text.trim()])
    .filter(([name]) => name !== ''),
);

/** The library functions that a source calls, directly or through others: less for the compiler to read. */
export function helpersOf(source: string): string {
  const found = new Set<string>();
  const look = (text: string): void => {
    for (const [, name] of text.matchAll(/\b(\w+)\(/g)) {
      const helper = library.get(name);
      if (helper === undefined || found.has(helper)) continue;
      found.add(helper);
      look(helper.slice(helper.indexOf('{')));
    }
  };
  look(source);
  return [...found].join('\n');
}

export const wordBits: Partial<Record<DType, number>> = { bool: 8, uint8: 8, int8: 8, int16: 16, float16: 16, bfloat16: 16 };

/** Converts a value in a register from one dtype to the register type of another, as `copy` does. */
export function convert(value: string, from: DType, to: DType): string {
  if (from === to) return value;
  if (to === 'bool') return isFloat(from) ? `select(1, 0, isZero(${value}))` : `select(0, 1, (${value}) != 0)`;
  if (typeOf(from) === typeOf(to)) return value;
  if (isFloat(to)) return `f32(${value})`;
  if (isFloat(from)) return to === 'uint32' ? `toUint(${value})` : `toInt(${value})`;
  return `bitcast<${typeOf(to)}>(${value})`;
}

/** Where a layout's numbers lie among the words; its functions are written when a program is new. */
export interface WordLayout {
  readonly name: string;
  readonly rank: number;
  /** How many operands it has a function for. */
  readonly count: number;
  readonly first: number;
}

/** The i-th number of a call, as the shader reads it. */
export const wordNames = Array.from({ length: parameterBytes / 4 }, (_, i) => `p.v[${i >> 2}].${'xyzw'[i & 3]}`);

/** The functions that give the places of a layout: `nameK(i)`. */
export function layoutFunctions({ name, rank, count, first }: WordLayout): string {
  let code = '';
  for (let k = 0; k < count; k++) {
    const own = first + rank + k * (rank + 1);
    code += `fn ${name}${k}(i: i32) -> i32 { ${rank > 0 ? 'var rest = i; ' : ''}var at = ${wordNames[own]};`;
    for (let d = rank - 1; d >= 0; d--) {
      const [size, step] = [wordNames[first + d], wordNames[own + 1 + d]];
      code += d === 0 ? ` at += rest * ${step};` : ` at += (rest % ${size}) * ${step}; rest = rest / ${size};`;
    }
    code += ' return at; }\n';
  }
  return code;
}

/** The functions that read and write elements of a dtype in a buffer of words. */
export function accessors(k: number, dtype: DType, buffer: string, atomic: boolean, write: boolean, shift: string): string {
  const get = (at: string): string => (atomic ? `atomicLoad(&${buffer}[${at}])` : `${buffer}[${at}]`);
  const type = typeOf(dtype);
  const bits = wordBits[dtype];
  const begin = shift === '' ? 'let at = place;' : `let at = place${shift};`;
  if (bits === undefined) {
    let code = `fn load${k}(place: i32) -> ${type} { ${begin} return bitcast<${type}>(${get('at')}); }\n`;
    if (write) {
      const set = atomic ? `atomicStore(&${buffer}[at], bitcast<u32>(v))` : `${buffer}[at] = bitcast<u32>(v)`;
      code += `fn store${k}(place: i32, v: ${type}) { ${begin} ${set}; }\n`;
    }
    return code;
  }
  const [word, mask] = bits === 8 ? ['at >> 2u', 3] : ['at >> 1u', 1];
  const content = get(word);
  const place = `u32(at & ${mask}) * ${bits}u`;
  const raw = `extractBits(${content}, ${place}, ${bits}u)`;
  const loaded: Partial<Record<DType, string>> = {
    int8: `extractBits(bitcast<i32>(${content}), ${place}, 8u)`,
    int16: `extractBits(bitcast<i32>(${content}), ${place}, 16u)`,
    float16: `unpack2x16float(${raw}).x`,
    bfloat16: `bitcast<f32>(${raw} << 16u)`,
  };
  let code = `fn load${k}(place: i32) -> ${type} { ${begin} return ${loaded[dtype] ?? `i32(${raw})`}; }\n`;
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
    code += `fn store${k}(place: i32, v: ${type}) { ${begin} let s = ${place}; atomicAnd(&${buffer}[${word}], ~(${ones} << s)); atomicOr(&${buffer}[${word}], (${packed} & ${ones}) << s); }\n`;
  }
  return code;
}

/** The same in a buffer of 16-bit floats. They are taken and made by their bits, so that rounding and NaN are those of every other device. */
export function halfAccessors(k: number, buffer: string, write: boolean, shift: string): string {
  const load = `fn load${k}(place: i32) -> f32 { return unpack2x16float(bitcast<u32>(vec2<f16>(${buffer}[place${shift}], 0.0h))).x; }\n`;
  if (!write) return load;
  return `${load}fn store${k}(place: i32, v: f32) { ${buffer}[place${shift}] = bitcast<vec2<f16>>(toHalf(v)).x; }\n`;
}
