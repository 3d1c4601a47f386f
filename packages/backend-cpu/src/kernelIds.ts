/** Looks up the ids of kernels by name. */
export function kernelIds(engine: string, names: readonly string[]): (name: string) => number {
  const ids = new Map(names.map((name, id) => [name, id]));
  return (name) => {
    const id = ids.get(name);
    if (id === undefined) throw new Error(`the ${engine} engine has no kernel ${name}: it was built from other sources`);
    return id;
  };
}
