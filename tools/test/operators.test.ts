import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url).pathname;

it('docs/operators.md is what the op table says now (run pnpm docs:operators)', () => {
  const code = "import { operatorsPage } from './tools/docs/operators.ts'; process.stdout.write(operatorsPage());";
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=flambeau-source', '--input-type=module', '-e', code],
    { cwd: root, encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const written = readFileSync(`${root}docs/operators.md`, 'utf8');
  expect(written === stdout ? '' : 'the page is old').toBe('');
  expect(written).toContain('| `tanh(x)` | `torch.tanh` | Hyperbolic tangent. | [20, 20] → [20, 20] | its own, see below |');
  expect(written).toContain('| `tanh` | `torch.tanh` | Hyperbolic tangent. |');
  // Every public function says what it computes.
  const silent = [...written.matchAll(/^\| `(\w+)\([^`]*\)` \| [^|]* \|\s*\|/gm)].map(([, name]) => name);
  expect(silent).toEqual([]);
});
