// Takes the libraries' turns at a work and times them.

/** Milliseconds after which a slow library gets no further turn, and how many turns there are. */
const [longest, turns] = [12_000, 7];
/** A turn of what takes a few milliseconds is as many runs as take this long, after a warm-up: else V8 would still be compiling. */
const turnMs = 200;
/** Milliseconds of its warm-up. */
const warmMs = 3000;

/** One turn: milliseconds of the wall's clock, and of all threads of this process, for each of `runs`. */
async function turn(run, runs = 1) {
  // What the one before has dropped is not collected at this one's cost.
  globalThis.gc?.();
  const [cpu, started] = [process.cpuUsage(), performance.now()];
  for (let i = 0; i < runs; i++) await run();
  const wall = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { wall: wall / runs, cpu: (user + system) / 1000 / runs };
}

/** Warms a library up for its work; how many runs a turn is, and the turns that are taken. */
async function warmed(name, run) {
  const first = await turn(run); // compiles
  // Of what takes that long, the compilation is no part.
  if (first.wall >= longest) return { name, run, runs: 1, times: [first] };
  let { wall } = await turn(run);
  // As many runs as fill a turn once V8 has compiled them.
  if (wall < turnMs) ({ wall } = await turn(run, Math.ceil(warmMs / wall)));
  return { name, run, runs: Math.max(1, Math.floor(turnMs / wall)), times: [] };
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/**
 * The medians of each library's turns at a work.
 * @param setups - by a library's name, what prepares the work and gives a function that runs it once, until its result is read
 * @returns by a library's name, `{ wall, cpu, turns }` in milliseconds; a library that cannot do the work says why, and is left out
 */
export async function compare(work, setups) {
  const ready = [];
  for (const [name, setup] of Object.entries(setups)) {
    try {
      ready.push(await warmed(name, await setup()));
    } catch (error) {
      console.log(`${work}: ${name} cannot: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  }
  for (let i = 0; i < turns; i++) {
    for (const { run, runs, times } of ready) {
      if (times.reduce((sum, { wall }) => sum + wall, 0) < longest) times.push(await turn(run, runs));
    }
  }
  return Object.fromEntries(
    ready.map(({ name, times }) => [
      name,
      { wall: median(times.map(({ wall }) => wall)), cpu: median(times.map(({ cpu }) => cpu)), turns: times.length },
    ]),
  );
}
