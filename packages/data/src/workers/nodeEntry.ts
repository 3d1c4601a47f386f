import { parentPort } from 'node:worker_threads';
import type { ToWorker } from './messages.ts';
import { serve } from './worker.ts';

const port = parentPort;
if (port !== null) {
  const answer = serve((message, transfer) => port.postMessage(message, transfer));
  port.on('message', (message: ToWorker) => void answer(message));
}
