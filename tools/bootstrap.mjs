// What `npm start`, `npm test` and `npm run test:long` run on a machine that has Node and npm and nothing else:
// it puts the pinned pnpm on the PATH, installs, and goes on with tools/<task>.mjs. It depends on nothing.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [task, ...rest] = process.argv.slice(2);
const { packageManager } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
console.log(`flambeau: installing with ${packageManager} (the first time takes about half a minute)`);
const quoted = rest.map((argument) => `'${argument.replaceAll("'", "'\\''")}'`).join(' ');
const commands = `pnpm install --frozen-lockfile --prefer-offline --reporter=append-only && node tools/${task}.mjs ${quoted}`;
// Ctrl-C reaches what it starts as well, which ends in order, and this process with it.
process.on('SIGINT', () => undefined);
const { status } = spawnSync('npm', ['exec', '--yes', `--package=${packageManager}`, '-c', commands], {
  cwd: root,
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
process.exit(status ?? 1);
