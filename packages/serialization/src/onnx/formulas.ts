import { isFloat, NotSupportedError, type DType } from '@flambeau/core';
import type { Conversion } from './conversion.ts';
import type { ConverterTable } from './converters.ts';
import { binaryFormula, negative } from './elementwise.ts';

// Ops that ONNX has no operator for, by formulas in those that it has.

/** ONNX's numbers of the element types that shifts work on; Flambeau has no such tensors. */
const unsigned = { int32: 12, int64: 13 } as const;

/**
 * The angle of (x, y) from the axis of x, in all four quadrants: arctan(y / x), turned by half a circle towards the sign of y where x is
 * negative. Two zeros count as (±1, y), two infinities as their signs.
 */
const angle = binaryFormula((c, yGiven, xGiven) => {
  const { graph } = c;
  const one = (opType: string, ...inputs: string[]): string => graph.one(opType, inputs);
  const number = (value: number): string => graph.scalar(value, c.dtype);
  const [yBelow, xBelow] = [negative(c, yGiven), negative(c, xGiven)];
  const signed = (below: string): string => one('Where', below, number(-1), number(1));
  const infinite = one('And', one('IsInf', yGiven), one('IsInf', xGiven));
  const zero = one('And', one('Equal', yGiven, number(0)), one('Equal', xGiven, number(0)));
  const y = one('Where', infinite, signed(yBelow), yGiven);
  const x = one('Where', one('Or', infinite, zero), signed(xBelow), xGiven);
  const turn = one('Where', xBelow, one('Where', yBelow, number(-Math.PI), number(Math.PI)), number(0));
  const turned = one('Add', one('Atan', one('Div', y, x)), turn);
  // Without a turn nothing is added, so that the zero of (1, -0) keeps its sign.
  return one('Where', xBelow, turned, one('Atan', one('Div', y, x)));
});

/** The half of the distance between 1 and the next number, the least number above 0, and the largest number. */
const spacing = {
  float32: { unit: 2 ** -24, least: 2 ** -149, largest: (2 - 2 ** -23) * 2 ** 127 },
  float64: { unit: 2 ** -53, least: Number.MIN_VALUE, largest: Number.MAX_VALUE },
} as const;

/**
 * The next number after x towards y, by sums that round to it.
 * @see Rump, Zimmermann, Boldo & Melquiond 2009, Computing predecessor and successor in rounding to nearest, algorithm 1
 */
const neighbour = binaryFormula((c, x, y) => {
  const { graph, dtype } = c;
  if (dtype !== 'float32' && dtype !== 'float64')
    throw new NotSupportedError({ op: 'exportOnnx', expected: 'nextafter of float32 or float64', received: dtype });
  const { unit, least, largest } = spacing[dtype];
  const one = (opType: string, ...inputs: string[]): string => graph.one(opType, inputs);
  const number = (value: number): string => graph.scalar(value, dtype);
  const up = one('Greater', y, x);
  const direction = one('Where', up, number(1), number(-1));
  const from = one('Mul', direction, x);
  const size = one('Abs', from);
  const relative = number(unit * (1 + 2 * unit));
  const large = one('Add', from, one('Mul', relative, size));
  const small = one('Add', from, number(least));
  // In between the step would round to two: it is taken among larger numbers.
  const scaled = one('Mul', from, number(1 / unit));
  const middle = one('Mul', number(unit), one('Add', scaled, one('Mul', relative, one('Abs', scaled))));
  const isLarge = one('GreaterOrEqual', size, number((least / unit / unit) * 0.5));
  const isSmall = one('Less', size, number(least / unit));
  const successor = one('Where', isLarge, large, one('Where', isSmall, small, middle));
  const stepped = one('Mul', direction, one('Where', one('IsInf', from), one('Mul', one('Sign', from), number(largest)), successor));
  const nan = one('Or', one('IsNaN', x), one('IsNaN', y));
  return one('Where', nan, one('Add', x, y), one('Where', one('Equal', x, y), y, stepped));
});

/** Shifts the bits of x by a number of places, as unsigned integers. */
function shiftBits(c: Conversion, x: string, places: string, direction: 'LEFT' | 'RIGHT', dtype: 'int32' | 'int64'): string {
  const [bits, by] = [x, places].map((name) => c.graph.one('Cast', [name], { to: unsigned[dtype] }));
  return c.graph.cast(c.graph.one('BitShift', [bits, by], { direction }), dtype);
}

/** A shift of integers: narrow ones pass through int32, uint32 through int64, and a shift by more places than there are bits leaves none. */
const shift = (direction: 'LEFT' | 'RIGHT') =>
  binaryFormula((c, xGiven, placesGiven) => {
    const { graph } = c;
    const dtype: DType = c.dtype === 'int64' || c.dtype === 'uint32' ? 'int64' : 'int32';
    const width = dtype === 'int64' ? 64 : 32;
    const [x, places] = c.dtype === dtype ? [xGiven, placesGiven] : [graph.cast(xGiven, dtype), graph.cast(placesGiven, dtype)];
    const number = (value: number): string => graph.scalar(value, dtype);
    const inside = graph.one('And', [graph.one('GreaterOrEqual', [places, number(0)]), graph.one('Less', [places, number(width)])]);
    const by = graph.one('Where', [inside, places, number(0)]);
    const below = graph.one('Less', [x, number(0)]);
    let shifted: string;
    if (direction === 'LEFT') shifted = graph.one('Where', [inside, shiftBits(c, x, by, direction, dtype), number(0)]);
    else {
      // Of a negative number the complement is shifted, so that ones come in from the left.
      const flip = (name: string): string => graph.one('Where', [below, graph.one('BitwiseNot', [name]), name]);
      const full = graph.one('Where', [below, number(-1), number(0)]);
      shifted = graph.one('Where', [inside, flip(shiftBits(c, flip(x), by, direction, dtype)), full]);
    }
    return c.dtype === dtype ? shifted : graph.cast(shifted, c.dtype);
  });

/**
 * A running reduction: the axis of size n becomes two, row i of which holds the elements up to i and a neutral value after them. So it takes
 * n² elements where the op takes n.
 */
function running(c: Conversion, neutral: number, reduce: (rows: string, axis: number) => void): void {
  const { graph } = c;
  const dim = c.number('dim');
  const rank = c.inputs[0].shape.length;
  const count = graph.size(c.inputs[0].shape[dim], c.op);
  const places = graph.one('Range', [graph.numbers(0, 'int64'), graph.one('Squeeze', [count]), graph.numbers(1, 'int64')]);
  const shaped = (before: number, after: number): string =>
    graph.one('Reshape', [places, graph.numbers([...new Array<number>(before).fill(1), -1, ...new Array<number>(after).fill(1)], 'int64')]);
  // [.., n rows, n elements, ..]: element j counts in row i where j <= i.
  const counts = graph.one('LessOrEqual', [shaped(dim + 1, rank - dim - 1), shaped(dim, rank - dim)]);
  const wide = graph.one('Unsqueeze', [c.input(), graph.numbers([dim], 'int64')]);
  reduce(graph.one('Where', [counts, wide, graph.scalar(neutral, c.dtype)]), dim + 1);
}

const integerLimits: Partial<Record<DType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
};

const runningExtreme =
  (most: boolean) =>
  (c: Conversion): void => {
    const limits = isFloat(c.dtype) ? ([-Infinity, Infinity] as const) : integerLimits[c.dtype];
    if (limits === undefined)
      throw new NotSupportedError({
        op: 'exportOnnx',
        expected: `${c.op} of floats or of integers up to 32 bits`,
        received: c.dtype,
        hint: "Cast it first: x.to('int32').",
      });
    running(c, most ? limits[0] : limits[1], (rows, axis) => {
      c.node(most ? 'ReduceMax' : 'ReduceMin', [rows, c.graph.numbers([axis], 'int64')], { keepdims: 0 }, 0);
      const last = c.graph.one(most ? 'ArgMax' : 'ArgMin', [rows], { axis, keepdims: 0, select_last_index: 1 });
      c.output(c.graph.cast(last, 'int32'), 1);
    });
  };

export const formulas: ConverterTable = {
  atan2: angle,
  nextafter: neighbour,
  shiftLeft: shift('LEFT'),
  shiftRight: shift('RIGHT'),
  cumprod: (c) => running(c, 1, (rows, axis) => c.node('ReduceProd', [rows, c.graph.numbers([axis], 'int64')], { keepdims: 0 })),
  cummax: runningExtreme(true),
  cummin: runningExtreme(false),
};
