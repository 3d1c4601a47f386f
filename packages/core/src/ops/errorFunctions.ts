import type { Op } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { computeWide, defineComposedUnary, runComposed } from './precision.ts';

const erfinvOp: Op = defineComposedUnary(
  'erfinv',
  (input) =>
    computeWide(input, (x) => {
      const size = x.abs();
      const inside = size.lt(1);
      const z = inside.where(size, 0);
      // A first guess to 0.2 % (Winitzki 2008), then Halley's steps on erfc, which is exact where z is near 1.
      const l = z.square().neg().log1p();
      const half = l.div(2).add(2 / (Math.PI * 0.147));
      let y = half.square().sub(l.div(0.147)).sqrt().sub(half).clampMin(0).sqrt();
      for (let step = 0; step < 3; step++) {
        const excess = z.lt(0.5).where(y.erf().sub(z), z.neg().add(1).sub(y.erfc()));
        const newton = excess.mul(y.square().exp()).mul(Math.sqrt(Math.PI) / 2);
        y = y.sub(newton.div(newton.mul(y).add(1)));
      }
      return inside.where(y, size.eq(1).where(Infinity, NaN)).mul(x.sign());
    }),
  (g, _, y) => g.mul(y.square().exp()).mul(Math.sqrt(Math.PI) / 2),
);
/** The inverse of erf; ±Infinity at ±1, NaN outside. */
export const erfinv = (x: Tensor): Tensor => runComposed(erfinvOp, x);
