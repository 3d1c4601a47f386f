// The part of the platform's WebAssembly that is used here, typed without the DOM.
interface Platform {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: Record<string, Record<string, unknown>>) => { readonly exports: object };
}

/** A module with its memory. */
export interface Instance<Exports> {
  readonly exports: Exports;
}

/** Compiles a module; the result makes instances of it. @throws Error where the platform has no WebAssembly with SIMD */
export function compileModule(bytes: Uint8Array): <Exports>(imports: Record<string, Record<string, unknown>>) => Instance<Exports> {
  const platform = (globalThis as { WebAssembly?: Platform }).WebAssembly;
  if (platform === undefined) throw new Error('this platform has no WebAssembly');
  const module = new platform.Module(bytes);
  return <Exports>(imports: Record<string, Record<string, unknown>>) => new platform.Instance(module, imports) as Instance<Exports>;
}
