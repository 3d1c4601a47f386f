import type { FromWorker, ToWorker } from './messages.ts';

/** A thread that runs the worker's program, on either platform. */
export interface Thread {
  post(message: ToWorker): void;
  /** Whether the thread keeps the process alive: while somebody waits for it. */
  hold(active: boolean): void;
  /** Ends it at once. */
  end(): Promise<void>;
}

/** What a thread tells: a message, or that it is gone and why. */
export interface ThreadListener {
  message(message: FromWorker): void;
  gone(reason: string): void;
}

interface WebWorker {
  postMessage(message: unknown): void;
  terminate(): void;
  onmessage: ((event: { data: FromWorker }) => void) | null;
  onerror: ((event: { message: string }) => void) | null;
}
declare const Worker: (new (url: URL, options: { type: 'module'; name: string }) => WebWorker) | undefined;

interface LockManager {
  request(name: string, options: { signal: AbortSignal }, held: () => void): Promise<unknown>;
}

let started = 0;
const page = Math.random().toString(36).slice(2);

/**
 * Calls `gone` when a Web Worker no longer holds the lock that it took under its name. A browser tells nobody that a worker has ended, be it
 * closed or killed; its locks, however, are given back.
 * @returns a function that stops listening
 */
function whenLockIsFree(name: string, gone: () => void): () => void {
  const { locks } = (globalThis as { navigator?: { locks?: LockManager } }).navigator ?? {};
  const controller = new AbortController();
  locks?.request(name, { signal: controller.signal }, gone).catch(() => undefined);
  return () => controller.abort();
}

/** Starts a thread: worker_threads in Node, a Web Worker elsewhere. It does not keep the process alive. */
export async function startThread(listener: ThreadListener): Promise<Thread> {
  if (typeof process === 'object' && typeof process.versions?.node === 'string') return startNode(listener);
  if (typeof Worker === 'undefined') throw new Error('this platform has no workers');
  const name = `flambeau-${page}-${++started}`;
  const worker = new Worker(new URL('./webEntry.js', import.meta.url), { type: 'module', name });
  let stopListening: (() => void) | undefined;
  worker.onmessage = ({ data }) => {
    // Whoever speaks holds its lock.
    stopListening ??= whenLockIsFree(name, () => listener.gone('it was closed or killed'));
    listener.message(data);
  };
  worker.onerror = ({ message }) => listener.gone(message === '' ? 'it could not be started' : message);
  return {
    post: (message) => worker.postMessage(message),
    hold: () => undefined,
    end: () => {
      stopListening?.();
      worker.terminate();
      return Promise.resolve();
    },
  };
}

async function startNode(listener: ThreadListener): Promise<Thread> {
  const { Worker: NodeWorker } = await import('node:worker_threads');
  const worker = import.meta.url.endsWith('.ts')
    ? // From source: Node takes no TypeScript as a worker's entry, so the workspace's own tsx loads it.
      new NodeWorker(
        `import('tsx/esm/api').then((tsx) => { tsx.register(); return import(${JSON.stringify(new URL('./nodeEntry.ts', import.meta.url).href)}); })`,
        { eval: true, execArgv: [...process.execArgv, '--conditions=flambeau-source'] },
      )
    : // The bundle for Node lies beside this folder, not in it. As text, which unlike a file may inherit `node --input-type=module`.
      new NodeWorker(`import(${JSON.stringify(new URL('../workers/nodeEntry.js', import.meta.url).href)})`, { eval: true });
  worker.unref();
  worker.on('message', (message: FromWorker) => listener.message(message));
  worker.on('error', (error: Error) => listener.gone(error.stack ?? error.message));
  worker.on('exit', (code) => listener.gone(`it exited with code ${code}`));
  return {
    post: (message) => worker.postMessage(message),
    hold: (active) => (active ? worker.ref() : worker.unref()),
    end: async () => {
      await worker.terminate();
    },
  };
}
