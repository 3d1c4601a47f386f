import type { FromWorker, ToWorker } from './messages.ts';
import { serve } from './worker.ts';

interface WorkerScope {
  postMessage(message: FromWorker, transfer: ArrayBuffer[]): void;
  onmessage: ((event: { data: ToWorker }) => void) | null;
}
const scope = globalThis as unknown as WorkerScope;
const answer = serve((message, transfer) => scope.postMessage(message, transfer));
scope.onmessage = ({ data }) => void answer(data);
