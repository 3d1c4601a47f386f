/**
 * PyTorch's names as ours: `scatter_add_` is `scatterAdd_`, `atleast_1d` is `atleast1d`, `T_max` is `tMax`. A name without an inner
 * underscore stays as it is (`N`, `UPLO`, `lambd`).
 */
export function camelCase(name: string): string {
  const inner = name.replace(/^_+|_+$/g, '');
  if (!inner.includes('_')) return name;
  const joined = inner.replace(/_+(.)/g, (_, letter: string) => letter.toUpperCase());
  const tail = /_+$/.exec(name)?.[0] ?? '';
  return joined[0].toLowerCase() + joined.slice(1) + tail;
}

/** What a function takes positionally, read from its source. */
export interface Parameters {
  /** Names in order, without the options object. */
  readonly positional: readonly string[];
  /** True when an options object may follow. */
  readonly options: boolean;
  /** True when the last parameter takes any number of arguments. */
  readonly rest: boolean;
}

/** Splits a parameter list at the commas that stand outside of brackets and strings. */
function splitList(source: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  let quote = '';
  for (let i = 0; i < source.length; i++) {
    const c = source[i];
    if (quote !== '') {
      if (c === quote && source[i - 1] !== '\\') quote = '';
    } else if (c === '"' || c === "'" || c === '`') quote = c;
    else if ('([{'.includes(c)) depth++;
    else if (')]}'.includes(c)) {
      if (depth === 0) return [...parts, source.slice(from, i)];
      depth--;
    } else if (c === ',' && depth === 0) {
      parts.push(source.slice(from, i));
      from = i + 1;
    }
  }
  return [...parts, source.slice(from)];
}

function readParameters(source: string): Parameters {
  const single = /^(?:async\s+)?([\w$]+)\s*=>/.exec(source);
  const open = source.indexOf('(');
  const list = (single ? [single[1]] : splitList(source.slice(open + 1))).map((part) => part.trim()).filter((part) => part !== '');
  const names = list.map((part) => part.replace(/\s*=[\s\S]*$/, '').trim());
  const at = names.findIndex((name) => name.startsWith('{') || /^_?options$|Options$/.test(name));
  const positional = at < 0 ? names : names.slice(0, at);
  const rest = positional.some((name) => name.startsWith('...'));
  return { positional: positional.filter((name) => !name.startsWith('...')), options: at >= 0, rest };
}

const functions = new WeakMap<object, Parameters>();

/** The parameters of a function, or of the constructor of a class (its own or the one that it inherits). */
export function parametersOf(f: (...args: never[]) => unknown): Parameters {
  const known = functions.get(f);
  if (known !== undefined) return known;
  let source = Function.prototype.toString.call(f);
  if (source.startsWith('class')) {
    const start = /\n?\s*constructor\s*\(/.exec(source);
    const parent = Object.getPrototypeOf(f) as typeof f;
    if (start === null) {
      const inherited = /^class[^{]*\sextends\s/.test(source) && typeof parent === 'function' && parent !== Function.prototype;
      const found = inherited ? parametersOf(parent) : { positional: [], options: false, rest: false };
      functions.set(f, found);
      return found;
    }
    source = source.slice(start.index);
  }
  const found = readParameters(source);
  functions.set(f, found);
  return found;
}
