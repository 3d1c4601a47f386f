/** What went wrong, in the parts that every Flambeau error is made of. */
export interface ErrorDetails {
  /** The operation, class or file that refuses, e.g. `matmul`. */
  readonly op: string;
  /** What was expected, as a clause: `inner dimensions must agree`. */
  readonly expected: string;
  /** What came instead, as a phrase: `[32, 128] @ [64, 10]`. */
  readonly received?: string;
  /** What the reader can do about it, as a sentence. */
  readonly hint?: string;
  /** The error or errors underneath. */
  readonly cause?: unknown;
}

/**
 * The base of every error that Flambeau throws on purpose. `code` is stable across versions; the sentence is not.
 * The message reads `op: expected, got received. hint`.
 */
export class FlambeauError extends Error {
  readonly code: string;
  readonly op: string;
  readonly expected: string;
  readonly received: string | undefined;
  readonly hint: string | undefined;

  constructor(code: string, details: ErrorDetails) {
    const { op, expected, received, hint, cause } = details;
    super(
      `${op}: ${expected}${received === undefined ? '' : `, got ${received}`}.${hint ? ` ${hint}` : ''}`,
      cause === undefined ? {} : { cause },
    );
    this.name = new.target.name;
    this.code = code;
    this.op = op;
    this.expected = expected;
    this.received = received;
    this.hint = hint;
  }
}

/** Shapes that do not fit each other or the operation. Code `SHAPE`. */
export class ShapeError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('SHAPE', details);
  }
}

/** A dtype that the operation or the device does not take. Code `DTYPE`. */
export class DTypeError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('DTYPE', details);
  }
}

/** Tensors on different devices, or a device that cannot do what is asked. Code `DEVICE`. */
export class DeviceError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('DEVICE', details);
  }
}

/** An index or a dimension out of range. Code `INDEX`. */
export class IndexError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('INDEX', details);
  }
}

/** An argument or option of the wrong kind or value. Code `ARGUMENT`. */
export class ArgumentError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('ARGUMENT', details);
  }
}

/** A tensor used after its storage was released by `dispose` or by the end of a `scope`. Code `RELEASED`. */
export class ReleasedError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('RELEASED', details);
  }
}

/** A read that needs to wait, on a device that only reads asynchronously. Code `ASYNC_ONLY`. */
export class AsyncOnlyError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('ASYNC_ONLY', details);
  }
}

/** Values that the operation has no answer for, such as a singular matrix. Code `VALUE`. */
export class ValueError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('VALUE', details);
  }
}

/** A device, or the budget that was set for it, has no memory left. Code `OUT_OF_MEMORY`. */
export class OutOfMemoryError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('OUT_OF_MEMORY', details);
  }
}

/** Something that this version, backend or platform does not offer. Code `NOT_SUPPORTED`. */
export class NotSupportedError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('NOT_SUPPORTED', details);
  }
}

/** Shows any value in an error message, briefly. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `[${value.slice(0, 8).map(describe).join(', ')}${value.length > 8 ? ', ...' : ''}]`;
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (value !== null && typeof value === 'object') {
    const { shape, dtype } = value as { shape?: unknown; dtype?: unknown };
    if (Array.isArray(shape) && typeof dtype === 'string') return `a ${dtype} tensor of shape [${shape.join(', ')}]`;
    return value.constructor && value.constructor !== Object ? `a ${value.constructor.name}` : 'an object';
  }
  return String(value);
}
