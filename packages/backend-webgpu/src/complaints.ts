import { IndexError, ValueError, type FlambeauError } from '@flambeau/core';
import type { Complaint } from './commands.ts';

/** What kernels may refuse, by the number that they report. */
export class Complaints {
  private readonly list: Complaint[] = [];
  private readonly codes = new Map<string, number>();

  /** The number of a complaint, from 1 on. */
  codeOf(complaint: Complaint): number {
    const key = `${complaint.kind} ${complaint.op} ${complaint.expected}`;
    const known = this.codes.get(key);
    if (known !== undefined) return known;
    this.list.push(complaint);
    this.codes.set(key, this.list.length);
    return this.list.length;
  }

  /** The error for a number that a kernel reported, with the value that it refused. */
  errorOf(code: number, value: number): FlambeauError {
    const { kind, op, expected, hint } = this.list[code - 1];
    if (kind === 'index') return new IndexError({ op, expected, received: String(value), ...(hint !== undefined && { hint }) });
    return new ValueError({ op, expected, received: '0', hint: 'Cast to float32 for infinities.' });
  }
}
