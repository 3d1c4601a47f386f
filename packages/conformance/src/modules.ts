import { Tensor, type Device } from '@flambeau/core';
import type { Module } from '@flambeau/nn';
import { callAnywhere } from './asynchronous.ts';
import { bindArguments, signatures } from './call.ts';
import { Decoder, type ModuleCase } from './cases.ts';
import { compareTensor, flatten } from './compare.ts';
import { findModule } from './library.ts';
import { camelCase, parametersOf } from './naming.ts';
import { acceptRefusal, asFailure, CaseFailure, judgeGradients, judgeOutputs } from './operators.ts';
import { kindOf, type Pack } from './pack.ts';

/** A keyword of PyTorch's forward that our forward takes positionally goes there; the rest into the options object. */
export function forwardArguments(
  name: string,
  module: Module,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): unknown[] {
  const { positional } = parametersOf(module.forward);
  const names = signatures.forward[name] ?? [];
  const placed = [...args];
  const left: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(kwargs)) {
    const at = Math.max(positional.indexOf(camelCase(key)), names[0] === key && args.length === 0 ? 0 : -1);
    if (at < 0) left[key] = value;
    else placed[at] = value;
  }
  return bindArguments(module.forward, Array.from(placed), left, names);
}

export async function runModule(test: ModuleCase, pack: Pack, device: Device): Promise<void> {
  const name = test.module.replace(/^nn\./, '');
  const Constructor = findModule(name);
  if (Constructor === undefined) throw new CaseFailure('notImplemented', `there is no nn.${name}`);
  const decoder = new Decoder(pack, device);
  const setup = new Decoder(pack, device);
  const ctorArgs = test.ctor.args.map((value) => setup.decode(value));
  const ctorKwargs = setup.decodeAll(test.ctor.kwargs);
  const args = test.args.map((value) => decoder.decode(value));
  const kwargs = decoder.decodeAll(test.kwargs);
  let module: Module;
  let outputs: unknown[];
  try {
    module = new Constructor(
      ...bindArguments(Constructor as unknown as (...rest: never[]) => unknown, ctorArgs, ctorKwargs, signatures.modules[name] ?? []),
    ) as Module;
    module.train(test.training);
    module.loadStateDict(Object.fromEntries(Object.entries(test.state).map(([key, { tensor }]) => [key, setup.tensor(tensor)])));
    const run = (given: readonly unknown[]): unknown => module.forward(...(given as Parameters<Module['forward']>));
    outputs = flatten(await callAnywhere(device, forwardArguments(name, module, args, kwargs), {}, run, undefined));
  } catch (error) {
    if (test.error !== undefined) {
      acceptRefusal(error);
      return;
    }
    throw asFailure(error, 'wrongValue');
  }
  if (test.error !== undefined) throw new CaseFailure('errorMissing', `answered, where PyTorch says: ${test.error}`);
  await judgeOutputs(test.out ?? [], outputs, pack, { anyKind: decoder.wanted.length === 0 || args.some((x) => x instanceof Tensor && kindOf(x.dtype) !== 'float') }); // prettier-ignore
  for (const [key, expected] of Object.entries(test.buffers_after ?? {})) {
    const buffer = new Map(module.namedBuffers()).get(key);
    const text = buffer === undefined ? 'there is none' : await compareTensor(buffer, expected, pack);
    if (text !== undefined) throw new CaseFailure('wrongValue', `buffer ${key} after the call: ${text}`);
  }
  if (test.cotangents === undefined) return;
  const parameters = new Map(module.namedParameters());
  const targets = [
    ...(test.grads ?? []).map((expected, i) => ({ name: `input ${i}`, tensor: decoder.wanted[i], expected })),
    ...Object.entries(test.param_grads ?? {}).map(([key, expected]) => {
      const tensor = parameters.get(key);
      if (tensor === undefined) throw new CaseFailure('wrongGradient', `there is no parameter ${key}`);
      return { name: key, tensor: tensor as Tensor, expected };
    }),
  ];
  await judgeGradients(pack, decoder, outputs, test.cotangents, targets);
}
