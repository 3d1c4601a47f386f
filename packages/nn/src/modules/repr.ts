/** A float as Python prints it: 1.0, 0.01, 1e-05. */
export function number(value: unknown): string {
  if (typeof value !== 'number') return python(value);
  if (Number.isInteger(value)) return Math.abs(value) >= 1e16 ? value.toExponential().replace(/e\+?(-?)(\d)$/, 'e$1+0$2') : `${value}.0`;
  const magnitude = Math.abs(value);
  return magnitude < 1e-4 ? value.toExponential().replace(/e-(\d)$/, 'e-0$1') : String(value);
}

/** A tuple as Python prints it: (5, 5), (5,). */
export const tuple = (values: readonly number[]): string => (values.length === 1 ? `(${values[0]},)` : `(${values.join(', ')})`);

/** True or False. */
export const bool = (value: boolean): string => (value ? 'True' : 'False');

/** PyTorch's name of a field: `runningMean` becomes `running_mean`. */
export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A value as Python prints it: None, True, 'text', 2, 0.5, (1, 2). A float that is whole reads as an integer; use `number` for those. */
export function python(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return bool(value);
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : number(value);
  if (Array.isArray(value)) return value.length === 1 ? `(${python(value[0])},)` : `(${value.map(python).join(', ')})`;
  return String(value);
}
