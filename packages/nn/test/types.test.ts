import { describe, expectTypeOf, it } from 'vitest';
import { setDefaultDevice, tensor, type Tensor, type TypedArray } from '@flambeau/core';
import { grad } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import * as nn from '@flambeau/nn';

setDefaultDevice(reference);
const x = tensor([[1, 2], [3, 4]]); // prettier-ignore

// The compiler is the judge: tsc checks this file, and a line marked as an error must be one.
describe('the public types', () => {
  it('of tensors say what comes back', () => {
    expectTypeOf(x.sum()).toEqualTypeOf<Tensor>();
    expectTypeOf(x.sum().itemSync()).toEqualTypeOf<number>();
    expectTypeOf(x.sum().item()).toEqualTypeOf<Promise<number>>();
    expectTypeOf(x.isnan().any().itemSync<boolean>()).toEqualTypeOf<boolean>();
    expectTypeOf(x.dataSync()).toEqualTypeOf<TypedArray>();
    expectTypeOf(x.max()).toEqualTypeOf<Tensor>();
    expectTypeOf(x.max(0).indices).toEqualTypeOf<Tensor>();
    expectTypeOf(x.grad).toEqualTypeOf<Tensor | undefined>();
    expectTypeOf(grad).returns.toEqualTypeOf<Tensor[]>();
  });

  it('refuse a wrong option name', () => {
    // @ts-expect-error keepDim is written keepdim
    const misspelt = (): Tensor => x.sum({ dim: 1, keepDim: true });
    // @ts-expect-error batch_first is written batchFirst
    const snake = (): nn.LSTM => new nn.LSTM(2, 3, { batch_first: true });
    // @ts-expect-error a stride is no string
    const wrong = (): nn.Conv2d => new nn.Conv2d(1, 2, 3, { stride: 'two' });
    expectTypeOf(misspelt).returns.toEqualTypeOf<Tensor>();
    expectTypeOf(snake).returns.toEqualTypeOf<nn.LSTM>();
    expectTypeOf(wrong).returns.toEqualTypeOf<nn.Conv2d>();
  });

  it('of modules say what forward takes and gives', () => {
    expectTypeOf<nn.Linear['forward']>().toEqualTypeOf<(input: Tensor) => Tensor>();
    expectTypeOf<ReturnType<nn.LSTM['forward']>>().toExtend<readonly [unknown, unknown]>();
    expectTypeOf<ReturnType<nn.Module['stateDict']>>().toEqualTypeOf<Map<string, Tensor>>();
  });
});
