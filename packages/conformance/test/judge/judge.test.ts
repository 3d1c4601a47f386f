import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

// The command over the directories beside this file; make.py wrote them.

const place = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'flambeau-judge-'));
afterAll(() => rmSync(scratch, { recursive: true }));

type Report = { files: Record<string, Record<string, number>>; failures: { id: string; status: string; detail: string }[] };

let runs = 0;

/** Runs the judge on a directory: what it prints, writes and ends with. */
function run(directory: string, ...more: string[]): Promise<{ code: number | null; text: string; report: () => Report }> {
  const json = join(scratch, `report${runs++}.json`);
  const flags = ['--import', 'tsx', '--conditions=flambeau-source'];
  const judging = spawn(
    process.execPath,
    [...flags, place('../../src/main.ts'), '--cases', directory, '--json', json, ...more],
    {
      cwd: place('../..'),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, INIT_CWD: '', FLAMBEAU_CPU: 'wasm', NODE_OPTIONS: `--import tsx --import ${new URL('saboteur.ts', import.meta.url).href}` },
    },
  ); // prettier-ignore
  let text = '';
  for (const stream of [judging.stdout, judging.stderr]) stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  return new Promise((resolve, reject) => {
    judging.on('error', reject);
    judging.on('close', (code) => resolve({ code, text, report: () => JSON.parse(readFileSync(json, 'utf8')) as Report }));
  });
}

const counts = (some: Record<string, number>): Record<string, number> => ({
  cases: 0,
  passed: 0,
  wrongValue: 0,
  wrongGradient: 0,
  notImplemented: 0,
  errorMissing: 0,
  crashed: 0,
  notSupported: 0,
  ...some,
});

// They run beside each other, for one of them waits for a case that never answers.
describe.concurrent('the judge', { timeout: 120_000 }, () => {
  it('ends well where all that counts passes: fft is reported, other .json files are named and skipped', async () => {
    const { code, text, report } = await run(place('passing'), '--backend', 'cpu');
    expect(code, text).toBe(0);
    expect(report().files).toEqual({ tensor: counts({ cases: 2, passed: 2 }), fft: counts({ cases: 1, notImplemented: 1 }) });
    expect(report().failures).toEqual([{ id: 'fft.rfft#waits', status: 'notImplemented', detail: 'there is no fft.rfft' }]);
    expect(text).toContain('notes.json is no file of cases and is skipped: it is no list of cases');
    expect(text).toContain('broken.json is no file of cases and is skipped: ');
    // The engine stands at the head of the table, and the row of the sum at its foot.
    expect(text).toMatch(/^cpu \(wasm simd128\) +cases +passed +wrong value +wrong gradient +not implemented +error missing +crashed +not supported$/m);
    expect(text).toMatch(/^tensor +2 +2 +0 +0 +0 +0 +0 +0 +100\.0 %$/m);
    expect(text).toMatch(/^all +3 +2 +0 +0 +1 +0 +0 +0 +66\.7 %$/m);
  }); // prettier-ignore

  it('ends badly where a case fails, and counts each by what became of it', async () => {
    const { code, text, report } = await run(place('failing'));
    expect(code, text).toBe(1);
    expect(report().files).toEqual({
      tensor: counts({ cases: 7, passed: 3, wrongValue: 1, wrongGradient: 1, notImplemented: 1, errorMissing: 1 }),
    });
    expect(report().failures).toEqual([
      // a + b begins with 11 where the case says 10 (of a·b); the gradient is b, where it says 1.
      { id: 'add#wrong value', status: 'wrongValue', detail: expect.stringContaining('is 33, expected 90') },
      { id: 'mul#wrong gradient', status: 'wrongGradient', detail: expect.stringContaining('gradient of argument 0: element 2 is 30, expected 1') },
      { id: 'no_such_operator#not implemented', status: 'notImplemented', detail: 'there is no no_such_operator' },
      { id: 'add#error missing', status: 'errorMissing', detail: 'answered, where PyTorch says: an invalid call' },
    ]);
    expect(text).toContain('4 cases fail that are not in known-failures.json; see them with --only REGEX or --json FILE');
  }); // prettier-ignore

  it('--only runs what matches, and shows the figures of what fails', async () => {
    const { code, text, report } = await run(place('failing'), '--only', 'wrong value|mul#right');
    expect(code, text).toBe(1);
    expect(report().files).toEqual({ tensor: counts({ cases: 2, passed: 1, wrongValue: 1 }) });
    expect(text).toMatch(/^add#wrong value\n {4}wrongValue: output 0: element 2 is 33, expected 90 \(error 5\.7e\+1\)$/m);
    expect(text).not.toContain('wrong gradient\n');
  });

  it('a case that ends its process, or never answers, is counted, and the rest goes on', async () => {
    const { code, text, report } = await run(place('dying'), '--seconds', '8');
    expect(code, text).toBe(1);
    // add, mul, the refused call and the last add pass, and the file after them too.
    expect(report().files).toEqual({
      tensor: counts({ cases: 11, passed: 4, crashed: 5, errorMissing: 1, notImplemented: 1 }),
      nn: counts({ cases: 2, passed: 2 }),
    });
    const became = Object.fromEntries(report().failures.map(({ id, status, detail }) => [id, `${status}: ${detail}`]));
    expect(became).toEqual({
      'exits_at_once#crashed': expect.stringMatching(/^crashed: the process ended with code 7/),
      'is_killed#crashed': expect.stringMatching(/^crashed: the process ended with SIGKILL/),
      'never_returns#crashed': 'crashed: no answer after 8 s',
      // Node ends a program that waits for nothing, with this code.
      'never_settles#crashed': expect.stringMatching(/^crashed: the process ended with code 13/),
      'throws_a_type_error#crashed': expect.stringMatching(/^crashed: TypeError/),
      // That something is not there yet, or cannot be read at once, says nothing of what is wrong with the call.
      'is_not_supported#error missing': expect.stringMatching(/^notImplemented: saboteur/),
      'is_asynchronous#error missing': expect.stringMatching(/^errorMissing: refused: saboteur/),
    });
  });

  it('ends badly where no case ran, and says so', async () => {
    const none = await run(place('passing'), '--only', '^no such case$');
    expect([none.code, none.text]).toEqual([1, expect.stringContaining('no case ran')]);
    expect(none.report()).toEqual({ files: {}, failures: [] });
    const folder = join(scratch, 'empty');
    mkdirSync(folder);
    const empty = await run(folder);
    expect([empty.code, empty.text]).toEqual([1, expect.stringContaining('no case ran')]);
    const missing = await run(join(scratch, 'nowhere'));
    expect([missing.code, missing.text]).toEqual([1, expect.stringContaining('nowhere is no directory')]);
  });
});
