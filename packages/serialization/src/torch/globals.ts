import type { DType } from '@flambeau/core';

/** PyTorch's storage classes and the dtypes that they hold. */
export const storageDTypes: ReadonlyMap<string, DType> = new Map([
  ['BoolStorage', 'bool'],
  ['ByteStorage', 'uint8'],
  ['CharStorage', 'int8'],
  ['ShortStorage', 'int16'],
  ['IntStorage', 'int32'],
  ['LongStorage', 'int64'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['FloatStorage', 'float32'],
  ['DoubleStorage', 'float64'],
]);

/** The same the other way round. uint32 has no storage class: its bytes are rebuilt with the name of the dtype. */
export const storageNames: ReadonlyMap<DType, string> = new Map([...storageDTypes].map(([name, dtype]) => [dtype, name]));

/** What an allowed global is, after Python 2's module names were brought to Python 3's. */
export type AllowedGlobal =
  | {
      readonly kind:
        | 'orderedDict'
        | 'counter'
        | 'set'
        | 'namedTuple'
        | 'tensorType'
        | 'tensorOfType'
        | 'bytes'
        | 'size'
        | 'device'
        | 'encode'
        | 'tensorV2'
        | 'tensorV3'
        | 'untypedStorage'
        | 'tensor'
        | 'parameter'
        | 'parameterWithState'
        | 'bytearray';
    }
  | { readonly kind: 'storage'; readonly dtype: DType }
  | { readonly kind: 'dtype'; readonly name: string };

const kinds: ReadonlyMap<string, AllowedGlobal> = new Map<string, AllowedGlobal>([
  ['collections.OrderedDict', { kind: 'orderedDict' }],
  // MultiStepLR counts its milestones.
  ['collections.Counter', { kind: 'counter' }],
  ...['builtins', '__builtin__'].flatMap((module): [string, AllowedGlobal][] => [
    [`${module}.set`, { kind: 'set' }],
    [`${module}.frozenset`, { kind: 'set' }],
    [`${module}.bytes`, { kind: 'bytes' }],
    [`${module}.bytearray`, { kind: 'bytearray' }],
  ]),
  ['_codecs.encode', { kind: 'encode' }],
  ['torch.Size', { kind: 'size' }],
  ['torch.device', { kind: 'device' }],
  ['torch._utils._rebuild_tensor_v2', { kind: 'tensorV2' }],
  ['torch._utils._rebuild_tensor_v3', { kind: 'tensorV3' }],
  ['torch.storage.UntypedStorage', { kind: 'untypedStorage' }],
  ['torch._utils._rebuild_tensor', { kind: 'tensor' }],
  ['torch._tensor._rebuild_from_type_v2', { kind: 'tensorOfType' }],
  ...['torch.Tensor', 'torch.nn.parameter.Parameter', 'torch.nn.parameter.Buffer'].map((name): [string, AllowedGlobal] => [name, { kind: 'tensorType' }]),
  ['torch._utils._rebuild_parameter', { kind: 'parameter' }],
  ['torch._utils._rebuild_parameter_with_state', { kind: 'parameterWithState' }],
  ...[...storageDTypes].map(([name, dtype]): [string, AllowedGlobal] => [`torch.${name}`, { kind: 'storage', dtype }]),
  ...[
    'bool', 'uint8', 'int8', 'int16', 'int32', 'uint32', 'int64', 'float16', 'bfloat16', 'float32', 'float64', 'complex32', 'complex64', 'complex128',
  ].map((name): [string, AllowedGlobal] => [`torch.${name}`, { kind: 'dtype', name }]),
]); // prettier-ignore

/** What tensors need and nothing else: everything that is not in this list is refused. */
export const findGlobal = (name: string): AllowedGlobal | undefined =>
  // What max, sort and their like return are tuples with names: torch.return_types.max
  kinds.get(name) ?? (/^torch\.return_types\.[a-z_]+$/.test(name) ? { kind: 'namedTuple' } : undefined);

/** Names that are harmless but have no counterpart here, with the reason. */
export function unsupportedGlobal(name: string): string | undefined {
  if (/^torch\.Complex\w*Storage$/.test(name) || name === 'builtins.complex' || name === '__builtin__.complex')
    return 'complex numbers are not supported; save torch.view_as_real(x) instead';
  if (/^torch\.Q\w+Storage$/.test(name) || name === 'torch._utils._rebuild_qtensor')
    return 'quantized tensors are not supported; save x.dequantize() instead';
  if (name === 'torch._utils._rebuild_sparse_tensor') return 'sparse tensors are not supported; save x.to_dense() instead';
  if (name === 'torch._utils._rebuild_nested_tensor') return 'nested tensors are not supported; save the list x.unbind() instead';
  if (name.startsWith('torch._utils._rebuild_meta_tensor')) return 'tensors of the device meta have no values that could be loaded';
  if (/^torch\.(uint(16|64)|float[48]_\w+|u?int[1-7]|bits\w+|q\w+)$/.test(name))
    return 'unsigned integers of 16 or 64 bits and floats of 8 or fewer are not supported; cast the tensor before saving';
  if (name === 'torch.UntypedStorage' || name === 'torch.storage.TypedStorage')
    return 'storages saved by themselves are not supported; save a tensor of them';
  if (name === 'torch.storage._load_from_bytes')
    return 'a pickle that was not written by torch.save is not supported; save it with torch.save';
  return undefined;
}
