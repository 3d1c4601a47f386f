import type { TypedArray } from './dtype.ts';
import { isFloat } from './dtype.ts';
import { showShape, type Shape } from './shape.ts';
import { setTensorToText, type Tensor } from './tensor.ts';
import { readData, dataSync } from './ops/reading.ts';

// Tensors printed as PyTorch prints them (torch/_tensor_str.py describes the rules): 4 digits, at most 1000 elements, 3 at each edge, 80 columns.
const precision = 4;
const threshold = 1000;
const edgeItems = 3;
const lineWidth = 80;

let gradSuffix: (x: Tensor) => string | undefined = () => undefined;
/** Lets the autograd layer say `requires_grad=True` or the op that made a tensor. */
export function setGradSuffix(suffix: (x: Tensor) => string | undefined): void {
  gradSuffix = suffix;
}

interface Formatter {
  readonly width: number;
  readonly format: (value: number | bigint) => string;
}

/** Writes with the digits of C, which rounds a tie to the even digit where JavaScript takes the larger one: 0.03125 is 0.0312. */
function roundedEven(value: number, digits: number, write: (v: number, d: number) => string): string {
  const text = write(value, digits);
  const tie = /50{19}(?:e|$)/.test(write(value, digits + 20));
  return tie && /[13579](?:e|$)/.test(text) ? write(value * (1 - Number.EPSILON), digits) : text;
}
/** As C's `%.4e`: at least two digits of exponent. */
const scientific = (value: number): string =>
  Number.isFinite(value) ? roundedEven(value, precision, (v, d) => v.toExponential(d)).replace(/e([+-])(\d)$/, 'e$10$2') : special(value);
const special = (value: number): string => (Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf');
const fixed = (value: number, digits: number): string => {
  if (!Number.isFinite(value)) return special(value);
  return Object.is(value, -0) ? `-${(0).toFixed(digits)}` : roundedEven(value, digits, (v, d) => v.toFixed(d));
};

function makeFormatter(values: readonly (number | bigint)[], x: Tensor): Formatter {
  const widest = (texts: readonly string[]): number => texts.reduce((w, text) => Math.max(w, text.length), 1);
  if (x.dtype === 'bool') {
    const show = (v: number | bigint): string => (Number(v) !== 0 ? 'True' : 'False');
    return { width: widest(values.map(show)), format: show };
  }
  if (!isFloat(x.dtype)) return { width: widest(values.map(String)), format: String };
  const numbers = values as readonly number[];
  const solid = numbers.filter((v) => Number.isFinite(v) && v !== 0);
  const integral = solid.every(Number.isInteger);
  const showIntegral = (v: number | bigint): string => (Number.isFinite(v as number) ? `${fixed(v as number, 0)}.` : special(v as number));
  if (solid.length === 0) return { width: widest(numbers.filter((v) => !Number.isFinite(v)).map(special)) && 1, format: showIntegral };
  const magnitudes = solid.map(Math.abs);
  const [low, high] = magnitudes.reduce(([a, b], m) => [Math.min(a, m), Math.max(b, m)], [Infinity, 0]);
  const format =
    high / low > 1000 || high > 1e8 || (!integral && low < 1e-4)
      ? (v: number | bigint) => scientific(v as number)
      : integral
        ? showIntegral
        : (v: number | bigint) => fixed(v as number, precision);
  return { width: widest(solid.map(format)), format };
}

function summarizedIndices(n: number, summarize: boolean): number[] {
  const all = Array.from({ length: n }, (_, i) => i);
  return summarize && n > 2 * edgeItems ? [...all.slice(0, edgeItems), -1, ...all.slice(n - edgeItems)] : all;
}

function body(values: TypedArray, shape: Shape, formatter: Formatter, summarize: boolean, indent: number, start: number): string {
  const show = (i: number): string => formatter.format(values[i]).padStart(formatter.width);
  if (shape.length === 0) return show(start);
  const stride = shape.slice(1).reduce((n, m) => n * m, 1);
  const indices = summarizedIndices(shape[0], summarize);
  if (shape.length === 1) {
    const perLine = Math.max(1, Math.floor((lineWidth - indent) / (formatter.width + 2)));
    const items = indices.map((i) => (i < 0 ? ' ...' : show(start + i)));
    const lines: string[] = [];
    for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(', '));
    return `[${lines.join(`,\n${' '.repeat(indent + 1)}`)}]`;
  }
  const parts = indices.map((i) => (i < 0 ? '...' : body(values, shape.slice(1), formatter, summarize, indent + 1, start + i * stride)));
  return `[${parts.join(`,${'\n'.repeat(shape.length - 1)}${' '.repeat(indent + 1)}`)}]`;
}

/** The values that will be shown, for choosing a format. */
function shownValues(values: TypedArray, shape: Shape, summarize: boolean): (number | bigint)[] {
  if (!summarize) return Array.from(values as Float32Array);
  let starts = [0];
  let stride = values.length;
  for (const n of shape) {
    stride /= n;
    starts = starts.flatMap((s) => summarizedIndices(n, true).filter((i) => i >= 0).map((i) => s + i * stride)); // prettier-ignore
  }
  return starts.map((i) => values[i]);
}

function describeTensor(x: Tensor, values: TypedArray, prefix: string): string {
  const indent = prefix.length;
  const suffixes: string[] = [];
  if (x.device.name !== 'cpu') suffixes.push(`device='${x.device.name}'`);
  let plain = x.dtype === 'float32' || x.dtype === 'int32' || x.dtype === 'bool';
  let text = '[]';
  if (x.count === 0) {
    // Nothing shows that an empty tensor is of bools or integers, so its dtype is said.
    plain = x.dtype === 'float32';
    if (x.ndim !== 1) suffixes.push(`size=(${x.shape.join(', ')}${x.ndim === 1 ? ',' : ''})`);
  } else {
    const summarize = x.count > threshold;
    text = body(values, x.shape, makeFormatter(shownValues(values, x.shape, summarize), x), summarize, indent, 0);
  }
  if (!plain) suffixes.push(`dtype=${x.dtype}`);
  const grad = gradSuffix(x);
  if (grad !== undefined) suffixes.push(grad);
  return addSuffixes(prefix + text, suffixes, indent);
}

function addSuffixes(text: string, suffixes: readonly string[], indent: number): string {
  let out = text;
  let lineLength = text.length - text.lastIndexOf('\n') + 1;
  for (const suffix of suffixes) {
    if (lineLength + suffix.length + 2 > lineWidth) {
      out += `,\n${' '.repeat(indent)}${suffix}`;
      lineLength = indent + suffix.length;
    } else {
      out += `, ${suffix}`;
      lineLength += suffix.length + 2;
    }
  }
  return `${out})`;
}

/** The tensor as PyTorch prints it. On a device that only reads asynchronously it says what it is; `await x.print()` shows its values. */
export function tensorToString(x: Tensor, prefix = 'tensor('): string {
  if (x.storage.released) return `tensor(released, shape=${showShape(x.shape)}, dtype=${x.dtype})`;
  if (x.device.downloadSync === undefined) return `tensor(..., shape=${showShape(x.shape)}, dtype=${x.dtype}, device='${x.device.name}')`;
  return describeTensor(x, dataSync(x), prefix);
}

/** Writes the tensor with its values to the console, on every device. */
export async function print(x: Tensor): Promise<void> {
  console.log(describeTensor(x, await readData(x), 'tensor('));
}

setTensorToText(tensorToString);
