/** Keywords that creating functions take; those beyond TensorOptions are PyTorch's and change nothing here. */
export const creationKeywords: readonly string[] = ['dtype', 'device', 'layout', 'pinMemory', 'requiresGrad'];
