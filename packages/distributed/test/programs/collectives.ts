// Checks every collective on every dtype, on empty, scalar, strided and (with the argument `large`) 64 MB tensors, against what the formula of
// each rank's values says. Rank 0 prints how many checks passed.
import { strict as assert } from 'node:assert';
import {
  bytesOf,
  cat,
  dtypeNames,
  fromArray,
  full,
  getDefaultDevice,
  isFloat,
  setDefaultDevice,
  stack,
  tensor,
  zeros,
  type DType,
  type Tensor,
} from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { reference } from '@flambeau/backend-reference';
import {
  allGather, allGatherIntoTensor, allGatherObject, allReduce, barrier, broadcast, broadcastObject, destroyProcessGroup, gather, getRank,
  getWorldSize, initProcessGroup, mpiInfo, newGroup, recv, reduce, reduceScatter, reduceScatterTensor, scatter, send, type Reduction,
} from '../../src/index.ts'; // prettier-ignore

setDefaultDevice(process.env['COLLECTIVES_DEVICE'] === 'reference' ? reference : cpu);
initProcessGroup({ backend: 'mpi', debug: process.argv[2] === 'debug' });
const [rank, size] = [getRank(), getWorldSize()];
const ranks = Array.from({ length: size }, (_, i) => i);
let checks = 0;

/** A layout of the tensors that travel. */
interface Form {
  readonly name: string;
  readonly make: (x: Tensor) => Tensor;
  readonly shape: readonly number[];
}
const forms: readonly Form[] = [
  { name: 'contiguous', shape: [2, 3], make: (x) => x.clone() },
  { name: 'scalar', shape: [], make: (x) => x.clone() },
  { name: 'empty', shape: [0, 3], make: (x) => x.clone() },
  { name: 'transposed', shape: [3, 4], make: (x) => x.T.contiguous().T },
  { name: 'with gaps', shape: [4], make: (x) => { const y = zeros([4, 2], { dtype: x.dtype }); const view = y.select(1, 1); view.copy_(x); return view; } },
  { name: 'offset', shape: [5], make: (x) => { const y = zeros([9], { dtype: x.dtype }); const view = y.narrow(0, 3, 5); view.copy_(x); return view; } },
]; // prettier-ignore

/** What rank r holds: small whole numbers, exact in every dtype; of bools, every other one. */
function values(dtype: DType, shape: readonly number[], r: number): Tensor {
  const count = shape.reduce((product, n) => product * n, 1);
  const numbers = Array.from({ length: count }, (_, i) => (dtype === 'bool' ? (i + r) % 2 : ((i + 2 * r) % 4) + 1));
  return numbers.length === 0
    ? zeros([...shape], { dtype })
    : tensor(numbers)
        .to(dtype)
        .reshape([...shape]);
}

const numbersOf = (x: Tensor): number[] => (x.count === 0 ? [] : (x.detach().to('float64').reshape([-1]).toArraySync() as number[]));

function check(what: string, got: Tensor, expected: Tensor): void {
  assert.deepEqual(numbersOf(got), numbersOf(expected), `rank ${rank}: ${what}`);
  assert.deepEqual([got.shape, got.dtype], [expected.shape, expected.dtype], `rank ${rank}: ${what}`);
  checks++;
}

const combine: Record<Exclude<Reduction, 'mean'>, (a: number, b: number) => number> = {
  sum: (a, b) => a + b,
  product: (a, b) => a * b,
  min: Math.min,
  max: Math.max,
};

/** The reduction of all ranks' values by its formula. */
function reduced(op: Reduction, dtype: DType, shape: readonly number[]): Tensor {
  const all = ranks.map((r) => numbersOf(values(dtype, shape, r)));
  const result = all[0].map((_, i) => {
    const column = all.map((numbers) => numbers[i]);
    if (op === 'mean') return column.reduce(combine.sum) / size;
    const value = column.reduce((a, b) => combine[op](a, b));
    return dtype === 'bool' ? Math.min(value, 1) : value;
  });
  return result.length === 0
    ? zeros([...shape], { dtype })
    : tensor(result)
        .to(dtype)
        .reshape([...shape]);
}

async function checkForm(dtype: DType, { name, make, shape }: Form): Promise<void> {
  const what = (op: string): string => `${op} of ${dtype}, ${name}`;
  const mine = (): Tensor => make(values(dtype, shape, rank));
  const blank = (): Tensor => make(zeros([...shape], { dtype }));
  const root = size - 1;
  const reductions: Reduction[] = ['sum', 'product', 'min', 'max', ...(isFloat(dtype) ? (['mean'] as const) : [])];
  for (const op of reductions) {
    const x = mine();
    assert.equal(await allReduce(x, op), x);
    check(what(`allReduce ${op}`), x, reduced(op, dtype, shape));
    const y = mine();
    reduce(y, root, op).waitSync();
    check(what(`reduce ${op}`), y, rank === root ? reduced(op, dtype, shape) : values(dtype, shape, rank));
    const part = blank();
    // Rank r's list holds its values for every rank, so that each gets the reduction of all ranks' values.
    await reduceScatter(part, ranks.map(mine), op);
    check(what(`reduceScatter ${op}`), part, reduced(op, dtype, shape));
    const whole = blank();
    await reduceScatterTensor(whole, stack(ranks.map(mine)), { op });
    check(what(`reduceScatterTensor ${op}`), whole, reduced(op, dtype, shape));
  }
  const x = mine();
  await broadcast(x, root);
  check(what('broadcast'), x, values(dtype, shape, root));

  const list = ranks.map(blank);
  await allGather(list, mine());
  ranks.forEach((r) => check(what('allGather'), list[r], values(dtype, shape, r)));
  const joined = zeros([size, ...shape], { dtype });
  await allGatherIntoTensor(joined, mine());
  check(what('allGatherIntoTensor'), joined, stack(ranks.map((r) => values(dtype, shape, r))));

  const gathered = await gather(mine(), { dst: root, ...(rank === root && { list: ranks.map(blank) }) });
  if (rank === root) ranks.forEach((r) => check(what('gather'), gathered?.[r] ?? zeros(0), values(dtype, shape, r)));
  else assert.equal(gathered, undefined);
  const output = blank();
  await scatter(output, { src: root, ...(rank === root && { list: ranks.map((r) => make(values(dtype, shape, r))) }) });
  check(what('scatter'), output, values(dtype, shape, rank));

  // Round the ring: everybody receives from the one before and sends to the one behind, without anybody waiting first.
  const before = (rank + size - 1) % size;
  const received = blank();
  const sending = send(mine(), (rank + 1) % size, { tag: 7 });
  await recv(received, before, { tag: 7 });
  await sending;
  check(what('send and recv'), received, values(dtype, shape, before));
}

for (const dtype of dtypeNames) for (const form of forms) await checkForm(dtype, form);

if (process.argv[2] === 'large') {
  for (const dtype of dtypeNames) {
    const count = (64 * 2 ** 20) / bytesOf(dtype);
    const pattern = values(dtype, [1024], rank);
    const x = cat(Array.from({ length: count / 1024 }, () => pattern));
    await allReduce(x, 'max');
    const expected = reduced('max', dtype, [1024]);
    check(`64 MB allReduce of ${dtype}, first`, x.narrow(0, 0, 1024), expected);
    check(`64 MB allReduce of ${dtype}, last`, x.narrow(0, count - 1024, 1024), expected);
    assert.equal(x.reshape([-1, 1024]).eq(expected).all().itemSync(), true);
    await broadcast(x.copy_(cat(Array.from({ length: count / 1024 }, () => pattern))), size - 1);
    assert.equal(
      x
        .reshape([-1, 1024])
        .eq(values(dtype, [1024], size - 1))
        .all()
        .itemSync(),
      true,
    );
    const share = count / size;
    const own = full([share], rank % 2, { dtype });
    await allGatherIntoTensor(x, own);
    ranks.forEach((r) => check(`64 MB allGather of ${dtype}`, x.narrow(0, r * share, 3), full([3], r % 2, { dtype })));
    const part = zeros([share], { dtype });
    await reduceScatterTensor(part, x, 'max');
    check(`64 MB reduceScatter of ${dtype}`, part.narrow(0, 0, 3), full([3], rank % 2, { dtype }));
    const root = size - 1;
    const parts = ranks.map((r) => x.narrow(0, r * share, share));
    await scatter(part, { src: root, ...(rank === root && { list: parts }) });
    check(`64 MB scatter of ${dtype}`, part.narrow(0, share - 3, 3), full([3], rank % 2, { dtype }));
    await gather(part, { dst: root, ...(rank === root && { list: parts }) });
    if (rank === root) ranks.forEach((r) => check(`64 MB gather of ${dtype}`, parts[r].narrow(0, 0, 3), full([3], r % 2, { dtype })));
    const sending = send(x, (rank + 1) % size);
    const received = zeros([count], { dtype });
    await recv(received, (rank + size - 1) % size);
    await sending;
    assert.equal(received.eq(x).all().itemSync(), true);
    checks += 3;
  }
}

// NaN wins in extremes, and bfloat16 means round once.
const withNaN = tensor([rank === 0 ? NaN : 1, 2]);
await allReduce(withNaN, 'max');
assert.ok(Number.isNaN(numbersOf(withNaN)[0]), 'NaN wins');

// What cannot be written is refused before the other ranks are met.
assert.throws(() => allReduce(full([1], 1).expand(4)), /elements are all different places/);
if (rank > 0) assert.throws(() => broadcast(full([1], 1).expand(4)), /elements are all different places/);

// Sub-groups: the even ranks in reverse order, and the odd ones; the sum of a group counts its members only.
const even = ranks.filter((r) => r % 2 === 0).toReversed();
const groups = [await newGroup(even), ...(size > 1 ? [await newGroup(ranks.filter((r) => r % 2 === 1))] : [])];
for (const group of groups) {
  if (group.rank < 0) {
    assert.throws(() => allReduce(full([1], 1), { group }), /not in the group/);
    continue;
  }
  const x = full([2], rank);
  await allReduce(x, { group });
  check(
    'allReduce in a group',
    x,
    full(
      [2],
      group.ranks.reduce((a, b) => a + b),
    ),
  );
  const y = full([2], rank);
  await broadcast(y, { src: group.ranks[0], group });
  check('broadcast in a group', y, full([2], group.ranks[0]));
  assert.equal(group.ranks[group.rank], rank);
}

// Handles: many at once, waited for in another order; a message that is received before others go on.
const many = Array.from({ length: 20 }, (_, i) => full([3], i + rank));
const works = many.map((x) => allReduce(x));
for (let i = works.length - 1; i >= 0; i--) {
  check('one of many', works[i].waitSync(), full([3], i * size + (size * (size - 1)) / 2));
  assert.ok(works[i].isCompleted());
}

const objects = await allGatherObject({ rank, name: 'r'.repeat(rank) });
assert.deepEqual(
  objects,
  ranks.map((r) => ({ rank: r, name: 'r'.repeat(r) })),
);
assert.deepEqual(await broadcastObject(rank === 0 ? { lr: 0.1 } : undefined), { lr: 0.1 });

// Memory that the tensor shares with a typed array is what MPI writes.
const array = Float32Array.from([rank, 1]);
await allReduce(fromArray(array));
if (getDefaultDevice().stableBytes === true) assert.deepEqual([...array], [(size * (size - 1)) / 2, size]);

await barrier();
if (rank === 0) console.log(JSON.stringify({ checks, size, mpi: mpiInfo() }));
await destroyProcessGroup();
