// What core uses of every JavaScript platform, so that neither the DOM's nor Node's types are needed.
declare global {
  const console: { log(...values: unknown[]): void; warn(...values: unknown[]): void };
}
export {};
