import { checkFunction } from './checks.ts';
import { observeDispatch, type Route } from './dispatch.ts';

/** How often an op ran in one way on one device. */
export interface ExplainedOp {
  readonly op: string;
  readonly device: string;
  /** `own kernel`: the backend's kernel for this op. `kernel`: a required kernel. `composition`: ordinary ops. `wider dtype`: computed in float32 or int32 and rounded. */
  readonly route: Route;
  readonly calls: number;
}

/** What `explain` found; prints as a table. */
export class Explanation {
  readonly ops: readonly ExplainedOp[];

  constructor(ops: readonly ExplainedOp[]) {
    this.ops = ops;
  }

  toString(): string {
    const rows = [
      ['op', 'device', 'ran as', 'calls'],
      ...this.ops.map(({ op, device, route, calls }) => [op, device, route, String(calls)]),
    ];
    const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
    return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()).join('\n'); // prettier-ignore
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/**
 * Runs `body` and tells which kernel, composition or backend ran each op, in the order of first use. A composition is followed by its parts.
 * @returns what ran, and the result of `body`
 */
export function explain<T>(body: () => T): { explanation: Explanation; result: T } {
  const counts = new Map<string, { op: string; device: string; route: Route; calls: number }>();
  const stop = observeDispatch((op, device, route) => {
    const key = `${op.name}\n${device.name}\n${route}`;
    const entry = counts.get(key);
    if (entry === undefined) counts.set(key, { op: op.name, device: device.name, route, calls: 1 });
    else entry.calls++;
  });
  try {
    const result = checkFunction('explain', 'body', body)();
    return { explanation: new Explanation([...counts.values()]), result };
  } finally {
    stop();
  }
}
