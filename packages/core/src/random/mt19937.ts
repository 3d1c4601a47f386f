const N = 624;
const M = 397;

/**
 * The Mersenne Twister MT19937 with 32-bit output, as PyTorch's CPU generator runs it.
 * @see Matsumoto & Nishimura 1998, ACM TOMACS 8(1)
 */
export class MT19937 {
  readonly state: Uint32Array = new Uint32Array(N);
  /** Draws left before the state is renewed, and where the next one stands. */
  left = 1;
  next = 0;

  /** Starts from 32 bits. */
  constructor(seed: number) {
    const { state } = this;
    state[0] = seed;
    for (let j = 1; j < N; j++) {
      const previous = state[j - 1] ^ (state[j - 1] >>> 30);
      state[j] = Math.imul(1812433253, previous) + j;
    }
  }

  /** The next 32 random bits. */
  draw(): number {
    if (--this.left === 0) this.renew();
    let y = this.state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private renew(): void {
    const { state } = this;
    const mix = (u: number, v: number): number => {
      const y = (u & 0x80000000) | (v & 0x7fffffff);
      return (y >>> 1) ^ (v & 1 ? 0x9908b0df : 0);
    };
    for (let i = 0; i < N; i++) state[i] = state[(i + M) % N] ^ mix(state[i], state[(i + 1) % N]);
    this.left = N;
    this.next = 0;
  }
}
