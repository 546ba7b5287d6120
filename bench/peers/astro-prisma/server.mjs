// Astro's standalone server, with one process per core.
import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';

if (cluster.isPrimary) {
  for (let n = availableParallelism(); n > 0; n--) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  await import('./dist/server/entry.mjs');
}
