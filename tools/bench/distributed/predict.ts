// What latency and bandwidth of a network predict for data-parallel training: `node ... predict.ts LATENCY_µs BANDWIDTH_GB/s`. See docs/scaling.md.

/** A network and the batch of one node. */
interface Workload {
  readonly name: string;
  readonly parameters: number;
  /** Floating-point operations of a step in one node. */
  readonly operations: number;
}
const workloads: readonly Workload[] = [
  // Forward is 4.1 G multiply-adds for an image, backward twice that.
  { name: 'ResNet-50, 32 images', parameters: 25.6e6, operations: 3 * 2 * 4.1e9 * 32 },
  // 6 operations for each parameter and token.
  { name: 'transformer of 10⁹, 2048 tokens', parameters: 1e9, operations: 6 * 1e9 * 2048 },
];
const bucketBytes = 25 * 2 ** 20;
/** Backward is two thirds of a step, and all but the last bucket can hide behind it. */
const backwardShare = 2 / 3;

/** Seconds of the all-reduces of a step: reduce-scatter and all-gather by halving and doubling, bucket by bucket. */
export function communication(parameters: number, nodes: number, latency: number, bandwidth: number): number {
  const bytes = 4 * parameters;
  const buckets = Math.ceil(bytes / bucketBytes);
  return buckets * 2 * Math.log2(nodes) * latency + (2 * (nodes - 1) * bytes) / (nodes * bandwidth);
}

/** The share of a step that is not waiting for the network. */
export function efficiency(workload: Workload, nodes: number, latency: number, bandwidth: number, speed: number): number {
  const compute = workload.operations / speed;
  const whole = communication(workload.parameters, nodes, latency, bandwidth);
  const lastBucket = communication(Math.min(workload.parameters, bucketBytes / 4), nodes, latency, bandwidth);
  return compute / (compute + Math.max(lastBucket, whole - backwardShare * compute));
}

const duration = (seconds: number): string => (seconds < 0.1 ? `${(seconds * 1e3).toFixed(1)} ms` : `${seconds.toFixed(2)} s`);

const [latency, bandwidth] = [Number(process.argv[2]) * 1e-6, Number(process.argv[3]) * 1e9];
const nodes = [8, 16, 32, 64, 128, 256, 512, 1024];
console.log(`| workload | node | step alone | figure | ${nodes.join(' | ')} |`);
console.log(`|---|---|---:|---|${nodes.map(() => '---:|').join('')}`);
for (const workload of workloads) {
  for (const [node, speed] of [
    ['CPU', 1e11],
    ['GPU', 5e13],
  ] as const) {
    // prettier-ignore
    const alone = workload.operations / speed;
    const times = nodes.map((n) => duration(communication(workload.parameters, n, latency, bandwidth)));
    const shares = nodes.map((n) => `${(100 * efficiency(workload, n, latency, bandwidth, speed)).toFixed(0)} %`);
    const head = `| ${workload.name} | ${node} | ${alone < 1 ? alone.toFixed(3) : alone.toFixed(1)} s |`;
    console.log(`${head} communication | ${times.join(' | ')} |`);
    console.log(`${head} efficiency | ${shares.join(' | ')} |`);
  }
}
