import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs a program that imports packages by name, in a process of its own. */
export function run(program: string, ...flags: string[]): { status: number | null; stdout: string; stderr: string } {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  return spawnSync(process.execPath, [...flags, '--import', 'tsx', '--conditions=flambeau-source', '--input-type=module', '-e', program], { cwd, encoding: 'utf8', timeout: 50_000 }); // prettier-ignore
}
