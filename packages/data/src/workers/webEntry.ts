import type { FromWorker, ToWorker } from './messages.ts';
import { serve } from './worker.ts';

interface WorkerScope {
  readonly name: string;
  readonly navigator: { readonly locks?: { request(name: string, held: () => Promise<void>): Promise<unknown> } };
  postMessage(message: FromWorker, transfer: ArrayBuffer[]): void;
  onmessage: ((event: { data: ToWorker }) => void) | null;
}
const scope = globalThis as unknown as WorkerScope;

/** Holds the lock of this worker's name for as long as it lives: the page sees by it that the worker has ended. */
const locked = new Promise<void>((resolve) => {
  const { locks } = scope.navigator;
  const held = locks?.request(scope.name, () => {
    resolve();
    return new Promise(() => undefined);
  });
  // Pages that are not served securely have no locks.
  if (held === undefined) resolve();
  else held.catch(() => resolve());
});

const answer = serve((message, transfer) => scope.postMessage(message, transfer));
scope.onmessage = ({ data }) => void locked.then(() => answer(data));
