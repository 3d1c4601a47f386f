// Node 20 does not give a worker the loader of its parent.
import { register } from 'tsx/esm/api';

register();
await import('./worker.ts');
