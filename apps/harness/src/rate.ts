/** Samples a second as text: with a decimal where there are few. */
export const rate = (samplesPerSecond: number): string => samplesPerSecond.toFixed(samplesPerSecond < 10 ? 1 : 0);
