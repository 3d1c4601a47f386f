// The part of onnxruntime-node that the tests use; its package names a declaration file that it does not contain.
declare module 'onnxruntime-node' {
  export class Tensor {
    constructor(type: string, data: ArrayBufferView | readonly number[], dims?: readonly number[]);
    readonly data: ArrayLike<number | bigint>;
    readonly dims: readonly number[];
  }
  export class InferenceSession {
    static create(model: Uint8Array | string, options?: { logSeverityLevel?: number }): Promise<InferenceSession>;
    readonly inputNames: readonly string[];
    readonly outputNames: readonly string[];
    run(feeds: Readonly<Record<string, Tensor>>): Promise<Readonly<Record<string, Tensor>>>;
  }
}
