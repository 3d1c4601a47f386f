/**
 * What core exports for the packages above it and for new backends, and not for programs: it trusts its callers, for it runs in the hot path.
 * `Transformer` has defaults of 44 million parameters, which are right and take seconds, as the residual networks of vision have: `ResNet` and
 * a smaller transformer are called instead. `openFile` makes a `TensorFile`.
 */
export const machinery: ReadonlySet<string> = new Set([
  // the making, layering and running of ops
  'addTensorMethods', 'allocate', 'asLeaf', 'assign', 'assignComputed', 'binary', 'computeWide', 'defineBinary', 'defineComposedPair',
  'defineComposedUnary', 'defineOp', 'dispatch', 'dispatchOne', 'evaluate', 'evaluateInto', 'hostMap', 'inPlaceBinary', 'inPlaceOf', 'inPlaceUnary',
  'installBottomLayer', 'installLayer', 'internalScope', 'observeDispatch', 'onHost', 'plus', 'promotePair', 'reduceInto', 'runComposed', 'runPair',
  'setGradSuffix', 'setInPlaceGate', 'setTensorToText', 'track', 'setRecording', 'withRecording',
  // checks, dtypes, shapes and layouts
  'askedBy', 'whoAsks', 'valuesNow', 'broadcastShapes', 'bytesOf', 'cast', 'checkArray', 'checkChoice', 'checkDType', 'checkDevice', 'checkDimensions', 'checkFloat', 'checkFunction',
  'checkIndex', 'checkIndexShape', 'checkInput', 'checkInteger', 'checkIterable', 'checkNumber', 'checkOptions', 'checkReduction', 'checkSameDType',
  'checkShape', 'checkTensor', 'checkTensors', 'checkWritable', 'collapse', 'contiguousStrides', 'describe', 'deviceOf', 'expandTo', 'inferShape',
  'isBool', 'isFloat', 'isInteger', 'isPlainObject', 'isRecorded', 'normalizeDim', 'normalizeDims', 'numel', 'overlaps', 'promoteScalar',
  'readCall', 'readOptions', 'reducedShape', 'required', 'resultType', 'sameShape', 'shapeArguments', 'showShape', 'sizeArguments',
  'inProcessMemory', 'sizeAt', 'spread', 'sumDType', 'sumToShape', 'toFloat', 'viewStrides', 'widestFloat', 'wrapIndex',
  // bytes and random bits
  'fromBytes', 'fromNumbers', 'readElement', 'writeElement', 'tensorToString', 'bernoulliValues', 'exponentialValues', 'generatorOf', 'integerValues',
  'multinomialValues', 'normalValues', 'normalsFromBits', 'permutationValues', 'philox', 'uniformFromBits', 'uniformValues',
  'Storage', 'Profile', 'Tensor', 'Generator', 'MT19937', 'Optimizer', 'setDefaultDevice', 'Transformer', 'TensorFile', 'resnet18', 'resnet34', 'resnet50',
]); // prettier-ignore
