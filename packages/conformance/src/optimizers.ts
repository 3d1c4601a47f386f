import { zeros, type Device } from '@flambeau/core';
import { Parameter } from '@flambeau/nn';
import { bindArguments, signatures } from './call.ts';
import { Decoder, type OptimizerCase, type ScheduleCase } from './cases.ts';
import { compareTensor, difference } from './compare.ts';
import { findOptimizer, findScheduler } from './library.ts';
import { asFailure, CaseFailure } from './operators.ts';
import type { Pack } from './pack.ts';

/** What the judge needs of an optimizer. */
interface Steps {
  readonly paramGroups: readonly { readonly lr: number }[];
  step(): unknown;
}

type AnyFunction = (...args: never[]) => unknown;

export async function runOptimizer(test: OptimizerCase, pack: Pack, device: Device): Promise<void> {
  const Constructor = findOptimizer(test.optimizer);
  if (Constructor === undefined) throw new CaseFailure('notImplemented', `there is no optim.${test.optimizer}`);
  const decoder = new Decoder(pack, device, true);
  const params = test.params.map((id) => new Parameter(decoder.tensor(id)));
  const names = signatures.optimizers[test.optimizer] ?? [];
  let optimizer: Steps;
  try {
    optimizer = new Constructor(
      ...bindArguments(Constructor as unknown as AnyFunction, [params], decoder.decodeAll(test.kwargs), names),
    ) as Steps;
  } catch (error) {
    throw asFailure(error, 'wrongValue');
  }
  for (const [i, { grads, params: expected }] of test.steps.entries()) {
    grads.forEach((id, j) => (params[j].grad = id === null ? undefined : decoder.tensor(id)));
    try {
      optimizer.step();
    } catch (error) {
      throw asFailure(error, 'wrongValue');
    }
    for (const [j, id] of expected.entries()) {
      const text = await compareTensor(params[j].detach(), { tensor: id }, pack);
      if (text !== undefined) throw new CaseFailure('wrongValue', `parameter ${j} after step ${i + 1}: ${text}`);
    }
  }
}

export async function runSchedule(test: ScheduleCase, pack: Pack, device: Device): Promise<void> {
  const Constructor = findScheduler(test.scheduler);
  const SGD = findOptimizer('SGD');
  if (Constructor === undefined || SGD === undefined)
    throw new CaseFailure('notImplemented', `there is no optim.lrScheduler.${test.scheduler}`);
  const decoder = new Decoder(pack, device);
  try {
    const parameter = new Parameter(zeros([1], { device }));
    const optimizer = new SGD([parameter], { lr: test.base_lr }) as Steps;
    const names = signatures.schedulers[test.scheduler] ?? [];
    const scheduler = new Constructor(
      ...bindArguments(Constructor as unknown as AnyFunction, [optimizer], decoder.decodeAll(test.kwargs), names),
    ) as { step(): void };
    const rates: number[] = [];
    for (const _ of test.lrs) {
      rates.push(optimizer.paramGroups[0].lr);
      parameter.grad = undefined;
      optimizer.step();
      scheduler.step();
    }
    const text = difference(rates, test.lrs, true, 0, { absolute: 1e-12, relative: 1e-9 });
    if (text !== undefined) throw new CaseFailure('wrongValue', `rate ${text}`);
  } catch (error) {
    throw asFailure(error, 'wrongValue');
  }
}
