/**
 * What core exports for the packages above it and for new backends, and not for programs: it trusts its callers, for it runs in the hot path.
 * `Transformer` has defaults of 44 million parameters, which are right and take seconds; it is called with smaller ones.
 */
export const machinery: ReadonlySet<string> = new Set([
  // the making, layering and running of ops
  'addTensorMethods', 'allocate', 'asLeaf', 'assign', 'assignComputed', 'binary', 'computeWide', 'defineBinary', 'defineComposedPair',
  'defineComposedUnary', 'defineOp', 'dispatch', 'dispatchOne', 'evaluate', 'evaluateInto', 'hostMap', 'inPlaceBinary', 'inPlaceOf', 'inPlaceUnary',
  'installBottomLayer', 'installLayer', 'internalScope', 'observeDispatch', 'onHost', 'plus', 'promotePair', 'reduceInto', 'runComposed', 'runPair',
  'setGradSuffix', 'setInPlaceGate', 'setTensorToText', 'track', 'setRecording', 'withRecording',
  // checks, dtypes, shapes and layouts
  'broadcastShapes', 'bytesOf', 'cast', 'checkArray', 'checkChoice', 'checkDType', 'checkDevice', 'checkDimensions', 'checkFloat', 'checkFunction',
  'checkIndex', 'checkIndexShape', 'checkInput', 'checkInteger', 'checkIterable', 'checkNumber', 'checkOptions', 'checkReduction', 'checkSameDType',
  'checkShape', 'checkTensor', 'checkTensors', 'checkWritable', 'collapse', 'contiguousStrides', 'describe', 'deviceOf', 'expandTo', 'inferShape',
  'isBool', 'isFloat', 'isInteger', 'isPlainObject', 'isRecorded', 'normalizeDim', 'normalizeDims', 'numel', 'overlaps', 'promoteScalar',
  'promoteTypes', 'readCall', 'readOptions', 'reducedShape', 'required', 'resultType', 'sameShape', 'shapeArguments', 'showShape', 'sizeArguments',
  'sizeAt', 'spread', 'sumDType', 'sumToShape', 'toFloat', 'viewStrides', 'widestFloat', 'wrapIndex',
  // bytes and random bits
  'fromBytes', 'fromNumbers', 'readElement', 'writeElement', 'tensorToString', 'bernoulliValues', 'exponentialValues', 'integerValues',
  'multinomialValues', 'normalValues', 'normalsFromBits', 'permutationValues', 'philox', 'uniformFromBits', 'uniformValues',
  'Storage', 'Profile', 'Tensor', 'Generator', 'MT19937', 'Optimizer', 'setDefaultDevice', 'Transformer',
]); // prettier-ignore
