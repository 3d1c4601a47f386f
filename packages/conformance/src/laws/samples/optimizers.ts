import { dispatch, definedOps, type Op } from '@flambeau/core';
import '@flambeau/optim';
import { noGrad } from '@flambeau/autograd';
import { fixed, sample, type Samples } from '../inputs.ts';

/** A step of an optimizer on copies of param, grad and state; answers what it made of them. */
export const step = (
  name: string,
  state: readonly (readonly number[])[],
  attrs: object,
  scalars: readonly number[],
  shape: readonly number[] = [2, 3],
): Samples[number] =>
  sample(
    [fixed(shape), fixed(shape), ...state.map((s) => fixed(s, 0.1, 1))],
    (...inputs) =>
      noGrad(() => {
        const mine = inputs.map((x) => x.clone());
        dispatch(definedOps().get(name) as Op, mine, attrs, scalars);
        return mine;
      }),
    false,
  );
/** The same for a parameter of several elements, of one, and without dimensions. */
const steps = (name: string, states: number, attrs: object, scalars: readonly number[]): Samples =>
  [[2, 3], [1], []].map((shape) => step(name, Array.from({ length: states }, () => shape), attrs, scalars, shape)); // prettier-ignore

const three: readonly (readonly number[])[] = [[2, 3], [17], []]; // prettier-ignore

/** One call for parameters of different shapes, each with its gradient and state: `places` inputs each. */
export const several = (name: string, places: number, attrs: object, scalars: readonly number[], parameters = three): Samples[number] => {
  const shapes = parameters.flatMap((shape) => Array.from({ length: places }, () => shape));
  return sample(
    shapes.map((shape, i) => (i % places < 2 ? fixed(shape) : fixed(shape, 0.1, 1))),
    (...inputs) =>
      noGrad(() => {
        const mine = inputs.map((x) => x.clone());
        dispatch(definedOps().get(name) as Op, mine, attrs, scalars);
        return mine;
      }),
    false,
  );
};

const adam = [0.1, 0.9, 0.999, 1e-8];

export const optimizers = {
  sgdStep: [
    ...steps('sgdStep', 0, { nesterov: false, maximize: false, momentum: false, first: false }, [0.1, 0, 0, 0.01]),
    ...steps('sgdStep', 1, { nesterov: true, maximize: true, momentum: true, first: false }, [0.1, 0.9, 0, 0.01]),
    ...steps('sgdStep', 1, { nesterov: false, maximize: false, momentum: true, first: true }, [0.1, 0.9, 0.5, 0]),
  ],
  sgdSteps: [
    several('sgdSteps', 3, { nesterov: false, maximize: false, momentum: false, first: false }, [0.1, 0, 0, 0.01]),
    several('sgdSteps', 3, { nesterov: true, maximize: true, momentum: true, first: false }, [0.1, 0.9, 0, 0.01]),
    several('sgdSteps', 3, { nesterov: false, maximize: false, momentum: true, first: true }, [0.1, 0.9, 0.5, 0]),
  ],
  adamSteps: [
    several('adamSteps', 5, { amsgrad: false, maximize: false, decoupled: false }, [...adam, 0.01, 1, 2, 7]),
    several('adamSteps', 5, { amsgrad: true, maximize: true, decoupled: true }, [...adam, 0.01, 1, 2, 7]),
  ],
  adamStep: [
    ...steps('adamStep', 2, { amsgrad: false, maximize: false, decoupled: false }, [...adam, 0.01, 3]),
    ...steps('adamStep', 3, { amsgrad: true, maximize: true, decoupled: true }, [...adam, 0.01, 3]),
  ],
  nadamStep: steps('nadamStep', 2, { maximize: false, decoupled: true }, [...adam, 0.01, 3, 0.88, 0.89, 0.7]),
  radamStep: steps('radamStep', 2, { maximize: false, decoupled: false }, [...adam, 0.01, 9]),
  adamaxStep: steps('adamaxStep', 2, { maximize: false }, [...adam, 0.01, 3]),
  adadeltaStep: steps('adadeltaStep', 2, { maximize: false }, [1, 0.9, 1e-6, 0.01]),
  adagradStep: steps('adagradStep', 1, { maximize: false }, [0.1, 1e-10, 0.01]),
  rmspropStep: [
    ...steps('rmspropStep', 1, { centered: false, maximize: false, momentum: false }, [0.1, 0.99, 1e-8, 0.01, 0]),
    ...steps('rmspropStep', 2, { centered: false, maximize: true, momentum: true }, [0.1, 0.99, 1e-8, 0, 0.9]),
  ],
  rpropStep: steps('rpropStep', 2, { maximize: false }, [0.5, 1.2, 1e-6, 50]),
  asgdStep: steps('asgdStep', 1, { maximize: false }, [1e-4, 0.1, 0.5, 0.01]),
  adafactorStep: [
    step(
      'adafactorStep',
      [
        [2, 1],
        [1, 3],
      ],
      { maximize: false, factored: true },
      [0.1, 2, -0.8, 0.01, 1e-7, 1e-3, 1],
    ),
    step('adafactorStep', [[3]], { maximize: false, factored: false }, [0.1, 2, -0.8, 0, 1e-7, 1e-3, 1], [3]),
  ],
  muonStep: [step('muonStep', [[2, 3]], { nesterov: true, nsSteps: 5 }, [0.1, 0.1, 0.1, 0.95, 1e-7, 3.4445, -4.775, 2.0315])],
} satisfies Record<string, Samples>;
