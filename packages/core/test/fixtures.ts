import { readFileSync } from 'node:fs';
import type { DType, NestedValues } from '@flambeau/core';

/** What PyTorch gave; fixtures/make.py wrote it. */
export const fixtures = JSON.parse(readFileSync(new URL('fixtures/fixtures.json', import.meta.url), 'utf8')) as {
  promotion: Record<DType, Record<DType, DType>>;
  ranked: Record<DType, Record<DType, DType>>;
  printing: { title: string; shape: number[]; dtype: DType; data: (number | string)[]; text: string }[];
  at: { index: string; shape: number[]; values: number[] }[];
  setAt: { index: string; value: number | NestedValues; values: number[] }[];
  states: { seed: number; rand: number; normals: number; length: number; sha256: string; next: number[] }[];
};
