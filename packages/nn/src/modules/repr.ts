/** A float as Python prints it: 1.0, 0.01, 1e-05. */
export function number(value: number): string {
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
