import { reference } from '@flambeau/backend-reference';
import type { Tensor } from '@flambeau/core';
import { AutogradError, customFunction, noGrad } from '@flambeau/autograd';
import { describe, expect, it } from 'vitest';
import { real, sample, type Sample } from '../src/laws/inputs.ts';
import { derivativeIsSlope, savedChangesAreCaught, secondDerivativeIsSlope } from '../src/laws/laws.ts';

// Ops that are wrong on purpose: a law that lets one pass proves nothing of the ops that are right.

/** x² whose derivative rule is `backward`. */
const squareWith = (backward: (x: Tensor, g: Tensor) => Tensor | undefined, saves = true): ((x: Tensor) => Tensor) => {
  let latest: Tensor;
  const square = customFunction({
    name: 'mutant',
    forward(context, x) {
      latest = x;
      if (saves) context.saveForBackward(x);
      return x.square();
    },
    backward: (context, g) => backward(saves ? context.savedTensors[0] : latest, g as Tensor),
  });
  return (x) => square(x) as Tensor;
};
const on = (run: (x: Tensor) => Tensor | Tensor[]): Sample => sample([real([2, 3])], run);

const good = on(squareWith((x, g) => g.mul(x.mul(2))));
const lawsOfDerivatives = { derivativeIsSlope, secondDerivativeIsSlope, savedChangesAreCaught };

describe('an op that is right passes', () => {
  it.each(Object.entries(lawsOfDerivatives))('%s', async (_, law) => {
    expect(await law(good, reference)).toBeUndefined();
  });
});

describe('the law of the slope fails', () => {
  it.each<[string, Sample]>([
    ['a result that is detached', on((x) => x.square().detach())],
    ['a result that is made under noGrad', on((x) => noGrad(() => x.square()))],
    ['one result of two that is detached', on((x) => [x.square(), x.exp().detach()])],
    ['the other result of two that is detached', on((x) => [x.exp().detach(), x.square()])],
    ['an input of two that is detached', sample([real([2]), real([2])], (x, y) => x.mul(y.detach()))],
    ['a rule that gives no gradient', on(squareWith(() => undefined))],
    ['a rule that gives half of it', on(squareWith((x, g) => g.mul(x)))],
  ])('%s', async (_, mutant) => {
    expect(await derivativeIsSlope(mutant, reference)).toMatch(/^gradient \d: element 0 is .* by finite differences$/);
  });
});

describe('the law of the second slope fails', () => {
  it.each<[string, Sample]>([
    ['a rule that runs under noGrad', on(squareWith((x, g) => noGrad(() => g.mul(x.mul(2)))))],
    ['a rule that detaches what it saved', on(squareWith((x, g) => g.mul(x.detach().mul(2))))],
    ['a rule that detaches one gradient of two', sample([real([2]), real([2])], (x, y) => squareWith((z, g) => g.mul(z.detach().mul(2)))(x).add(y.square()))], // prettier-ignore
  ])('%s', async (_, mutant) => {
    expect(await derivativeIsSlope(mutant, reference)).toBeUndefined(); // The first derivative is right.
    expect(await secondDerivativeIsSlope(mutant, reference)).toMatch(/^gradient \d: element 0 is .* by finite differences$/);
  });
});

describe('the law of changes in place', () => {
  it('fails a rule that reads its input past what was saved', async () => {
    const mutant = on(squareWith((x, g) => g.mul(x.mul(2)), false));
    expect(await savedChangesAreCaught(mutant, reference)).toMatch(/^input 0 changed in place unnoticed: result 0: element 0/);
  });

  it('takes no other error of autograd for the answer', async () => {
    let calls = 0;
    const mutant = on(
      squareWith((x, g) => {
        // The first walk gives what is expected; the one after the change fails for another reason.
        if (calls++ > 0) throw new AutogradError({ op: 'mutant', expected: 'a second walk', received: 'none' });
        return g.mul(x.mul(2));
      }, false),
    );
    await expect(savedChangesAreCaught(mutant, reference)).rejects.toThrow('a second walk');
  });
});
