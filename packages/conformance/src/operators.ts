import { manualSeed, Tensor, type Device, type DType } from '@flambeau/core';
import { grad } from '@flambeau/autograd';
import { callAnywhere } from './asynchronous.ts';
import { bindArguments, overloadOf, signatures } from './call.ts';
import { Decoder, PythonSlice, type Cotangent, type Expected, type OperatorCase, type Outcome, type Status } from './cases.ts';
import { compareGradient, compareTensor, flatten, type Freedom } from './compare.ts';
import { findOperator, type Found } from './library.ts';
import { kindOf, type Pack } from './pack.ts';

/** A failure with the status that it is counted under. */
export class CaseFailure extends Error {
  readonly status: Status;

  constructor(status: Status, detail: string) {
    super(detail);
    this.status = status;
  }
}

type Args = readonly unknown[];

const swapped = ([first, second, ...rest]: Args): Args => [second, first, ...rest];
const indexItem = (value: unknown): unknown => (value instanceof PythonSlice ? value.text : value);

/**
 * Samples whose arguments do not stand as in PyTorch's own call, and Python's operators. Everything else follows the convention of
 * README.md: this list stays short, for an exception that a user would stumble over is an API to mend.
 */
export const exceptions: Readonly<
  Record<string, { readonly op: string; readonly order: (args: Args, encoded: Args) => Args; readonly outputs?: number }>
> = {
  // PyTorch's test database wraps these calls: (self, condition, other), (operands, equation), (weight, indices), (x, n).
  where: { op: 'where', order: swapped },
  einsum: { op: 'einsum', order: swapped },
  'nn.functional.embedding': { op: 'nn.functional.embedding', order: swapped },
  'nn.functional.embedding_bag': { op: 'nn.functional.embedding_bag', order: swapped },
  polygamma: { op: 'polygamma', order: swapped },
  'special.polygamma': { op: 'special.polygamma', order: swapped },
  'normal/in_place': { op: 'normal_', order: (args) => args },
  // A matrix that is singular by its making: the samples give two factors.
  'linalg.pinv/singular': { op: 'linalg.pinv', order: ([a, b]) => [(a as Tensor).matmul((b as Tensor).mT)] },
  'linalg.lstsq/grad_oriented': { op: 'linalg.lstsq', order: (args) => args, outputs: 2 },
  // A promise here, for a device may have to wait.
  item: { op: 'item_sync', order: (args) => args },
  // Python's operators, which JavaScript does not have.
  // A tuple holds an index for each dimension, a list is one index.
  __getitem__: {
    op: 'at',
    order: ([x, index], [, encoded]) => [x, ...(Array.isArray(encoded) || !Array.isArray(index) ? [index] : index).map(indexItem)],
  },
  __radd__: { op: 'add', order: swapped },
  __rsub__: { op: 'sub', order: swapped },
  __rmul__: { op: 'mul', order: swapped },
  __rdiv__: { op: 'div', order: swapped },
  __rmod__: { op: 'remainder', order: swapped },
  __rpow__: { op: 'pow', order: swapped },
  __rmatmul__: { op: 'matmul', order: swapped },
  __rand__: { op: 'bitwise_and', order: swapped },
  __ror__: { op: 'bitwise_or', order: swapped },
  __rxor__: { op: 'bitwise_xor', order: swapped },
};

/** The call of an operator here, ready to run; undefined when we have no such operator. */
function prepare(
  { op: asked, variant, args: encoded }: OperatorCase,
  given: Args,
): { op: string; args: Args; found: Found; outputs: number } | undefined {
  const special = [`${asked}/${variant}`, asked].find((name) => Object.hasOwn(exceptions, name));
  const { op, order, outputs = Infinity } = special === undefined ? { op: asked, order: (args: Args) => args } : exceptions[special];
  const found = findOperator(op);
  return found && { op, args: order(given, encoded), found, outputs };
}

/** The seed that PyTorch's results were computed with, which shows where a sample draws a dropout mask. */
const referenceSeed = 42;

function invoke(op: string, found: Found, args: Args, kwargs: Readonly<Record<string, unknown>>): unknown {
  manualSeed(referenceSeed);
  if ('property' in found) return (args[0] as Record<string, unknown>)[found.property];
  if ('method' in found) {
    const target = args[0] as unknown as Record<string, (...rest: unknown[]) => unknown>;
    return target[found.method](...bindArguments(target[found.method], args.slice(1), kwargs, []));
  }
  const name = op.slice(op.lastIndexOf('.') + 1);
  const names = op.startsWith('nn.functional.') ? signatures.functional[name] : overloadOf(op, args);
  return found.f(...bindArguments(found.f, args, kwargs, names ?? []));
}

/** The call of a case on arguments that may be others than its own, as a function without arguments; undefined when we have no such operator. */
export function callOf(test: OperatorCase, args: Args, kwargs: Readonly<Record<string, unknown>>): (() => unknown) | undefined {
  const call = prepare(test, args);
  return call && (() => invoke(call.op, call.found, call.args, kwargs));
}

/** A leaf that an operator changes in place gets a history first, as PyTorch's samples do it. */
const fresh = (op: string, value: unknown): unknown =>
  op.endsWith('_') && value instanceof Tensor && value.requiresGrad ? value.clone() : value;

/** The dtype that a case asks for by name. */
function askedDType(op: string, kwargs: Readonly<Record<string, unknown>>): DType | undefined {
  const casts: Readonly<Record<string, DType>> = {
    half: 'float16', float: 'float32', double: 'float64', bfloat16: 'bfloat16', bool: 'bool', byte: 'uint8', char: 'int8', short: 'int16', int: 'int32', long: 'int64',
  }; // prettier-ignore
  return (Object.hasOwn(casts, op) ? casts[op] : undefined) ?? (kwargs['dtype'] as DType | undefined);
}

const tensorsIn = (value: unknown): Tensor[] =>
  value instanceof Tensor ? [value] : Array.isArray(value) ? (value as unknown[]).flatMap(tensorsIn) : [];

/**
 * Which of equal values topk and kthvalue name is free: the indices must select the expected values.
 * @returns the selected values in the place of the indices
 */
function selectedValues(x: Tensor, dim: number, indices: unknown): unknown {
  if (!(indices instanceof Tensor) || kindOf(indices.dtype) !== 'integer') return indices;
  const reduced = indices.ndim < x.ndim;
  const values = x.detach().gather(dim, reduced ? indices.unsqueeze(dim) : indices);
  return reduced ? values.squeeze(dim) : values;
}

/** Pulls cotangents back through outputs and compares with the expected gradients. */
export async function judgeGradients(
  pack: Pack,
  decoder: Decoder,
  outputs: readonly unknown[],
  cotangents: readonly Cotangent[],
  targets: readonly { readonly name: string; readonly tensor: Tensor; readonly expected: Expected | null }[],
): Promise<void> {
  const given = cotangents
    .map(({ out, tensor }) => ({ out: outputs[out] as Tensor, v: decoder.tensor(tensor) }))
    .filter(({ out }) => out instanceof Tensor && out.requiresGrad);
  let gradients: (Tensor | undefined)[] = [];
  if (given.length > 0) {
    try {
      gradients = grad(
        given.map(({ out }) => out),
        targets.map(({ tensor }) => tensor),
        { gradOutputs: given.map(({ out, v }) => v.to(out.dtype)), allowUnused: true },
      );
    } catch (error) {
      throw asFailure(error, 'wrongGradient');
    }
  }
  for (const [i, { name, expected }] of targets.entries()) {
    const text = await compareGradient(gradients[i], expected, pack);
    if (text !== undefined) throw new CaseFailure('wrongGradient', `gradient of ${name}: ${text}`);
  }
}

/** Flambeau refuses with its own errors; any other exception is a crash. */
export function asFailure(error: unknown, status: Status): CaseFailure {
  if (error instanceof CaseFailure) return error;
  if (isFlambeauError(error)) {
    if (error.code === 'NOT_SUPPORTED') return new CaseFailure('notImplemented', error.message);
    return new CaseFailure(status, `refused: ${error.message}`);
  }
  return new CaseFailure(
    'crashed',
    error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 4).join(' | ') : String(error),
  );
}

export const isFlambeauError = (error: unknown): error is Error & { code: string } =>
  error instanceof Error &&
  typeof (error as { code?: unknown }).code === 'string' &&
  typeof (error as { expected?: unknown }).expected === 'string';

/**
 * Takes what an invalid call threw: a FlambeauError that says what is wrong with the call. That something is not built yet, or that a device
 * cannot be read at once, is true of valid calls too and refuses nothing.
 */
export function acceptRefusal(error: unknown): void {
  if (!isFlambeauError(error) || error.code === 'NOT_SUPPORTED' || error.code === 'ASYNC_ONLY') throw asFailure(error, 'errorMissing');
}

/** Runs an invalid call, which has to throw a FlambeauError. */
async function judgeError(run: () => unknown, hint: string): Promise<void> {
  try {
    for (const out of flatten(await run())) if (out instanceof Tensor) await out.readData();
  } catch (error) {
    acceptRefusal(error);
    return;
  }
  throw new CaseFailure('errorMissing', `answered, where PyTorch says: ${hint}`);
}

export async function runOperator(test: OperatorCase, pack: Pack, device: Device): Promise<void> {
  const decoder = new Decoder(pack, device);
  const args = test.args.map((value) => decoder.decode(value));
  const kwargs = decoder.decodeAll(test.kwargs);
  // A cast to a dtype that the device has not: int32 stands for int64, and the others are not supported.
  const asked = askedDType(test.op, kwargs);
  const op = asked !== undefined && decoder.dtype(asked) !== asked && test.op === 'long' ? 'int' : test.op;
  const call = prepare({ ...test, op }, args.map((value) => fresh(test.op, value))); // prettier-ignore
  if (call === undefined) throw new CaseFailure('notImplemented', `there is no ${test.op}`);
  const twin = device.synchronous ? undefined : findOperator(`${call.op}_async`);
  const run = (): unknown =>
    callAnywhere(
      device,
      call.args,
      kwargs,
      (given, named) => invoke(call.op, call.found, given, named),
      twin && ((given, named) => invoke(`${call.op}_async`, twin, given, named)),
    );
  if (test.error !== undefined) {
    await judgeError(run, test.error);
    return;
  }
  const inputs = [...args, ...Object.values(kwargs)].flatMap(tensorsIn);
  let outputs: unknown[];
  try {
    outputs = flatten(await run()).slice(0, call.outputs);
  } catch (error) {
    throw asFailure(error, 'wrongValue');
  }
  const free = test.op === 'topk' || test.op === 'kthvalue';
  const [first] = test.out ?? [];
  const selected = free ? selectedValues(args[0] as Tensor, (args[2] ?? kwargs['dim'] ?? -1) as number, outputs[1]) : undefined;
  await judgeOutputs(free ? [first, first] : (test.out ?? []), free ? [outputs[0], selected] : outputs, pack, {
    anyKind: inputs.some((x) => kindOf(x.dtype) !== 'float') || inputs.length === 0,
  });
  const dtype = asked;
  if (dtype !== undefined && outputs[0] instanceof Tensor && outputs[0].dtype !== decoder.dtype(dtype)) {
    throw new CaseFailure('wrongValue', `dtype is ${outputs[0].dtype}, asked for ${dtype}`);
  }
  const targets = (test.grads ?? []).map((expected, i) => ({ name: `argument ${i}`, tensor: decoder.wanted[i], expected }));
  if (test.cotangents !== undefined) await judgeGradients(pack, decoder, outputs, test.cotangents, targets);
}

/** Compares outputs with the expected ones, in order. */
export async function judgeOutputs(
  expected: readonly Expected[],
  outputs: readonly unknown[],
  pack: Pack,
  freedom: Freedom,
): Promise<void> {
  if (outputs.length !== expected.length) throw new CaseFailure('wrongValue', `${outputs.length} outputs, expected ${expected.length}`);
  for (const [i, want] of expected.entries()) {
    const text = await compareTensor(outputs[i], want, pack, freedom);
    if (text !== undefined) throw new CaseFailure('wrongValue', `output ${i}: ${text}`);
  }
}

/** Runs one case and says what became of it. */
export async function outcomeOf(id: string, run: () => Promise<void>): Promise<Outcome> {
  try {
    await run();
    return { id, status: 'passed', detail: '' };
  } catch (error) {
    if (error instanceof Error && error.constructor.name === 'UnsupportedDType')
      return { id, status: 'notSupported', detail: error.message };
    const { status, message } = asFailure(error, 'wrongValue');
    return { id, status, detail: message };
  }
}
