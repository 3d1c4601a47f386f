import { NotSupportedError } from './errors.ts';

/** Methods of PyTorch's tensors that another package puts on ours, by package. */
const elsewhere: Readonly<Record<string, readonly string[]>> = {
  '@flambeau/linalg': [
    'det', 'logdet', 'slogdet', 'inverse', 'pinverse', 'cholesky', 'choleskyInverse', 'choleskySolve', 'qr', 'svd', 'lu', 'luSolve',
    'triangularSolve', 'geqrf', 'orgqr', 'ormqr',
  ],
}; // prettier-ignore

/** What those methods do until their package is imported: they throw a NotSupportedError that names it. */
export const methodsElsewhere: Readonly<Record<string, () => never>> = Object.fromEntries(
  Object.entries(elsewhere).flatMap(([name, methods]) =>
    methods.map((method) => [
      method,
      (): never => {
        throw new NotSupportedError({
          op: method,
          expected: `the package ${name}, which gives this method`,
          received: 'a program that has not imported it',
          hint: `Run npm install ${name}, and write import '${name}'.`,
        });
      },
    ]),
  ),
);
