import type { Device } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { describe, expect, it } from 'vitest';
import type { Sample, Samples } from '../src/laws/inputs.ts';
import * as laws from '../src/laws/laws.ts';
import { samples } from '../src/laws/samples.ts';

export const table = Object.entries(samples) as [string, Samples][];

/** PyTorch has no second derivative of it either, and refuses one, as nn's tests of the loss check. */
const onceDifferentiable = ['ctcLoss', 'ctcLossGrad'];

/** Checks a law on samples of an op and says which of them break it, and how. */
async function holds(law: (sample: Sample) => Promise<string | undefined>, of: Samples): Promise<void> {
  const broken: string[] = [];
  for (const [i, sample] of of.entries()) {
    const shapes = sample.inputs.map(({ shape }) => `[${shape.join()}]`).join(' ');
    try {
      const text = await law(sample);
      if (text !== undefined) broken.push(`sample ${i} ${shapes}: ${text}`);
    } catch (error) {
      broken.push(`sample ${i} ${shapes}: threw ${(error as Error).stack?.split('\n').slice(0, 5).join(' | ')}`);
    }
  }
  expect(broken.join('\n')).toBe('');
}

/** Every law over every op, on one device. */
export function itObeysTheLaws(device: Device): void {
  const smooth = ({ smooth: yes }: Sample): boolean => yes;
  const strided = ({ strided: yes }: Sample): boolean => yes;

  describe('the derivative rule gives the slope, in float64', () => {
    it.each(table)('%s', (_, of) => holds((sample) => laws.derivativeIsSlope(sample, device), of.filter(smooth)));
  });
  describe('the gradient of the gradient is its slope', () => {
    const twice = table.filter(([name]) => !onceDifferentiable.includes(name));
    it.each(twice)('%s', (_, of) => holds((sample) => laws.secondDerivativeIsSlope(sample, device), of.filter(smooth)));
  });
  describe('the strides of an input do not matter', () => {
    it.each(table)('%s', (_, of) => holds((sample) => laws.stridesDoNotMatter(sample, device), of.filter(strided)));
  });
  describe('an expanded input is as a copy of it', () => {
    it.each(table)('%s', (_, of) => holds((sample) => laws.expandedIsCopied(sample, device), of.filter(strided)));
  });
  describe('a change of what a derivative needs is caught', () => {
    it.each(table)('%s', (_, of) => holds((sample) => laws.savedChangesAreCaught(sample, device), of.filter(smooth)));
  });
  describe('a kernel answers as the composition', () => {
    it.each(table)('%s', (_, of) => holds((sample) => laws.kernelIsComposition(sample, device), of));
  });
  if (device === reference) return;
  describe('the answers are those of the reference', () => {
    it.each(table)('%s', (_, of) => holds((sample) => laws.deviceIsReference(sample, device, reference), of));
  });
}
