import type { RequiredKernels } from '@flambeau/core';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';

const philox = `
fn philox(counter: u32, key: vec2<u32>) -> vec4<u32> {
  var c = vec4<u32>(counter, 0u, 0u, 0u);
  var k = key;
  for (var round = 0; round < 10; round++) {
    c = vec4<u32>(high_(0xcd9e8d57u, c.z) ^ c.y ^ k.x, 0xcd9e8d57u * c.z, high_(0xd2511f53u, c.x) ^ c.w ^ k.y, 0xd2511f53u * c.x);
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}
fn uniform_(bits: u32) -> f32 { return f32(bits & 0xffffffu) / 16777216.0; }
`;

/**
 * Uniform and normal numbers: Philox 4x32-10 of a key.
 * @see Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3
 */
export function randomKernel(machine: Machine): RequiredKernels['random'] {
  return (name, out, key) => {
    if (out.count === 0) return;
    const program = new Program(machine, 'random');
    program.operand(out, true);
    const [k0, k1, offset] = [program.word(key[0]), program.word(key[1]), program.word(out.offset)];
    program.include(philox);
    const made =
      name === 'uniform'
        ? 'uniform_(w[i & 3])'
        : 'sqrt(-2.0 * log(1.0 - uniform_(select(w.x, w.z, (i & 2) != 0)))) * select(cos(angle), sin(angle), (i & 1) != 0)';
    program.run(
      out.count,
      `let w = philox(u32(i) >> 2u, vec2<u32>(bitcast<u32>(${k0}), bitcast<u32>(${k1})));
  let angle = 6.2831853 * uniform_(select(w.y, w.w, (i & 2) != 0));
  store0(i + ${offset}, ${made});`,
    );
  };
}
