import { checkArray, ArgumentError, describe, stack, tensor, Tensor } from '@flambeau/core';

/**
 * Makes one batch of samples: tensors are stacked, numbers become a tensor (integers int32, others float32), arrays and objects are collated
 * place by place, strings stay an array.
 * @throws ArgumentError when samples differ in structure or hold something else
 */
export function defaultCollate(samples: readonly unknown[]): unknown {
  const [first] = checkArray('collate', 'the samples', samples);
  if (first instanceof Tensor) return stack(samples as Tensor[]);
  if (typeof first === 'number')
    return tensor(samples as number[], { dtype: samples.every((v) => Number.isInteger(v)) ? 'int32' : 'float32' });
  if (typeof first === 'boolean') return tensor(samples as boolean[]);
  if (typeof first === 'bigint') return tensor(samples as bigint[]);
  if (typeof first === 'string') return [...samples];
  if (ArrayBuffer.isView(first)) return stack(samples.map((v) => tensor(v as Float32Array)));
  if (Array.isArray(first)) {
    if (!samples.every((s) => Array.isArray(s) && s.length === first.length)) {
      throw new ArgumentError({
        op: 'collate',
        expected: 'samples of one length',
        received: samples.map((s) => (Array.isArray(s) ? s.length : describe(s))).join(', '),
        hint: 'Pad them, or pass a collate function of your own.',
      });
    }
    return first.map((_, i) => defaultCollate(samples.map((s) => (s as unknown[])[i])));
  }
  if (typeof first === 'object' && first !== null) {
    const other = samples.findIndex((s) => typeof s !== 'object' || s === null);
    if (other >= 0)
      throw new ArgumentError({
        op: 'collate',
        expected: 'each sample to be a record, as the first is',
        received: describe(samples[other]),
      });
    return Object.fromEntries(
      Object.keys(first).map((key) => [key, defaultCollate(samples.map((s) => (s as Record<string, unknown>)[key]))]),
    );
  }
  throw new ArgumentError({
    op: 'collate',
    expected: 'tensors, numbers, strings, arrays or objects of them',
    received: describe(first),
    hint: 'Pass a collate function of your own.',
  });
}
