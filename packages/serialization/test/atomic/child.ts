// Saves a large state to the file of its first argument, and never comes to the end: the last tensor is not ready before the process is killed.
import { setDefaultDevice, zeros } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { save } from '../../src/index.ts';

setDefaultDevice(reference);
const state = new Map(Array.from({ length: 40 }, (_, i) => [`x${i}`, zeros(2 ** 20)] as const));
let looks = 0;
await save(state, process.argv[2], {
  // The signal is looked at after each part that the file took.
  signal: {
    get aborted() {
      if (++looks === 20) {
        console.log('writing');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30_000);
      }
      return false;
    },
  },
});
