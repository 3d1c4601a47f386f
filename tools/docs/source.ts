// Reading TypeScript source as text: balanced brackets, arguments of a call, and what the compiler adds to a function.

const pairs: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** The place of the bracket that closes the one at `open`, passing over strings. */
export function closing(text: string, open: number): number {
  const waiting: string[] = [];
  for (let i = open; i < text.length; i++) {
    const c = text[i];
    if (c === "'" || c === '"' || c === '`') {
      for (i++; text[i] !== c; i++) if (text[i] === '\\') i++;
    } else if (Object.hasOwn(pairs, c)) waiting.push(pairs[c]);
    else if (c === waiting.at(-1)) {
      waiting.pop();
      if (waiting.length === 0) return i;
    }
  }
  throw new Error(`no bracket closes ${text.slice(open, open + 40)}`);
}

/** Without comments to the end of a line. */
const withoutComments = (text: string): string => text.replaceAll(/\s\/\/ .*$/gm, '');

/** The arguments of the call of `factory` whose first argument is `first`, as text. */
export function argumentsAfter(text: string, factory: string, first: string): readonly string[] | undefined {
  const call = new RegExp(`\\b${factory}(?:<[^(]*>)?(\\()\\s*${first}\\s*,`, 'd').exec(text);
  if (call === null) return undefined;
  const [open] = call.indices?.[1] ?? [0];
  const inside = withoutComments(text.slice(open, open + 4000));
  const end = closing(inside, 0);
  const found: string[] = [];
  let start = 1;
  for (let i = 1; i <= end; i++) {
    if (i === end || inside[i] === ',') {
      found.push(inside.slice(start, i).trim());
      start = i + 1;
    } else if (Object.hasOwn(pairs, inside[i])) i = closing(inside, i);
    else if (inside[i] === "'") i = inside.indexOf("'", i + 1);
  }
  return found.filter((argument) => argument !== '');
}

/** Text in one line. */
export const onOneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** The text of a function without what the loader writes into it: `__name(f, "f")` and `void 0`. */
export function withoutNames(text: string): string {
  let out = text.replaceAll(/\bvoid 0\b/g, 'undefined');
  for (let at = out.indexOf('__name('); at !== -1; at = out.indexOf('__name(')) {
    const open = at + '__name'.length;
    const end = closing(out, open);
    out = `${out.slice(0, at)}${out.slice(open + 1, end).replace(/,\s*"\w+"$/, '')}${out.slice(end + 1)}`;
  }
  return out;
}
