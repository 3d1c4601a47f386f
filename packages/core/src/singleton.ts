/** The version of this package. */
export const version = '0.1.0';

const key = Symbol.for('flambeau.core');
interface Mark {
  readonly version: string;
  readonly path: string;
}

/** Two copies of core would have two Tensor classes that do not know each other, so the second one refuses to load. */
function claim(): void {
  const holder = globalThis as { [key]?: Mark };
  const mine: Mark = { version, path: (import.meta as unknown as { url: string }).url };
  const other = holder[key];
  // The same file evaluated again (a test runner's fresh module registry) is the same copy.
  if (other !== undefined && other.path.split('?')[0] !== mine.path.split('?')[0]) {
    throw new Error(
      `@flambeau/core: expected one copy in a program, got version ${other.version} from ${other.path} and version ${mine.version} from ${mine.path}. ` +
        'Let every Flambeau package share one: run `npm dedupe`, or list @flambeau/core once in package.json.',
    );
  }
  holder[key] = mine;
}
claim();
