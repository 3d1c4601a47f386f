import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

// What an editor shows beside an option: every property of every `*Options` has a docstring.

const root = new URL('../../packages/', import.meta.url).pathname;

/** The properties of the option types of a file, and whether a docstring ends on the line before. */
function optionsOf(text: string): { name: string; described: boolean }[] {
  const found: { name: string; described: boolean }[] = [];
  let type: string | undefined;
  let depth = 0;
  let before = '';
  for (const line of text.split('\n')) {
    const isComment = /^\s*(?:\/\*\*|\*|\/\/)/.test(line);
    type = (isComment ? undefined : /^(?:export )?(?:interface|type) (\w*Options)\b.*\{/.exec(line)?.[1]) ?? type;
    if (type !== undefined && depth === 1) {
      const property = isComment ? undefined : /^\s+(?:readonly )?(\w+)\??[:(]/.exec(line)?.[1];
      if (property !== undefined) found.push({ name: `${type}.${property}`, described: before.trimEnd().endsWith('*/') });
    }
    if (type !== undefined && !isComment) {
      depth += (line.match(/[{[(]/g) ?? []).length - (line.match(/[}\])]/g) ?? []).length;
      if (depth === 0) type = undefined;
    }
    if (line.trim() !== '') before = line;
  }
  return found;
}

it('every option of the packages says what it does', () => {
  const properties = readdirSync(root)
    .filter((folder) => folder !== 'conformance' && readdirSync(join(root, folder)).includes('src'))
    .flatMap((folder) =>
      readdirSync(join(root, folder, 'src'), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .flatMap((file) => optionsOf(readFileSync(join(root, folder, 'src', file), 'utf8')).map((property) => ({ folder, ...property }))),
    );
  expect(properties.length).toBeGreaterThan(350);
  expect(properties.filter(({ described }) => !described).map(({ folder, name }) => `${folder}: ${name}`)).toEqual([]);
});

it('an option without a docstring is found', () => {
  const text = 'export interface AOptions {\n  /** Said. */\n  a?: { x: number };\n  b: number;\n}\ninterface Other {\n  c: number;\n}\n';
  expect(optionsOf(text)).toEqual([
    { name: 'AOptions.a', described: true },
    { name: 'AOptions.b', described: false },
  ]);
});
