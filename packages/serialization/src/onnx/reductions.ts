import type { Conversion } from './conversion.ts';
import type { ConverterTable } from './converters.ts';

type Convert = (c: Conversion) => void;

/** A reduction; the ops keep the reduced dimensions unless they say otherwise. */
const reduction =
  (opType: string): Convert =>
  (c) => {
    const dims = c.numbers('dims');
    if (dims.length === 0) c.node('Identity', [c.input()]);
    else c.node(opType, [c.input(), c.graph.numbers(dims, 'int64')], { keepdims: c.attrs['keepdim'] === false ? 0 : 1 });
  };

/** Bools have no maximum: they are reduced as numbers. */
const ofTruths =
  (opType: string): Convert =>
  (c) => {
    const dims = c.numbers('dims');
    const truths = c.dtype === 'bool' ? c.input() : c.graph.cast(c.input(), 'bool');
    const numbers = c.graph.cast(truths, 'int32');
    const reduced = dims.length === 0 ? numbers : c.graph.one(opType, [numbers, c.graph.numbers(dims, 'int64')], { keepdims: 1 });
    c.output(c.graph.cast(reduced, 'bool'));
  };

/** An extreme; of bools, by way of int32. */
const extreme =
  (opType: string): Convert =>
  (c) => {
    if (c.dtype === 'bool') ofTruths(opType)(c);
    else reduction(opType)(c);
  };

/** The first place of an extreme, as int32. */
const place =
  (opType: string): Convert =>
  (c) => {
    const x = c.dtype === 'bool' ? c.graph.cast(c.input(), 'int32') : c.input();
    c.output(c.graph.cast(c.graph.one(opType, [x], { axis: c.number('dim'), keepdims: 1 }), 'int32'));
  };

const alongAxis =
  (opType: string): Convert =>
  (c) =>
    c.node(opType, [c.input()], { axis: c.number('dim') });

/** Ops that bring elements together. */
export const reductions: ConverterTable = {
  sum: reduction('ReduceSum'),
  prod: reduction('ReduceProd'),
  amax: extreme('ReduceMax'),
  amin: extreme('ReduceMin'),
  any: ofTruths('ReduceMax'),
  all: ofTruths('ReduceMin'),
  argmax: place('ArgMax'),
  argmin: place('ArgMin'),
  softmax: alongAxis('Softmax'),
  logSoftmax: alongAxis('LogSoftmax'),
  cumsum: (c) => c.node('CumSum', [c.input(), c.graph.numbers(c.number('dim'), 'int64')]),
  sort(c) {
    const dim = c.number('dim');
    const count = c.graph.size(c.inputs[0].shape[dim], c.op);
    const [values, indices] = c.graph.emit(
      'TopK',
      [c.input(), count],
      { axis: dim, largest: c.attrs['descending'] === true ? 1 : 0, sorted: 1 },
      2,
    );
    c.output(values, 0);
    c.output(c.graph.cast(indices, 'int32'), 1);
  },
  matmul: (c) => c.node('MatMul', [c.input(0), c.input(1)]),
};
