import { createInterface } from 'node:readline';
import { endMarked, type EndingPlan } from './ending.js';
import { parseReaperMessage } from './reaper-message.js';

/*
 * The reaper: reads on stdin what its worker runs, and when stdin ends (the worker has closed it or has died in
 * whatever way) ends everything that is still watched, then itself. See reaper.ts.
 */

// The worker may be gone when this is written.
process.stdout.on('error', () => undefined);
// A service manager that stops the worker may signal every process of the service; the reaper ends last.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => undefined);

const watched = new Map<string, EndingPlan>();
process.stdout.write('ready\n');

for await (const line of createInterface({ input: process.stdin })) {
  const message = parseReaperMessage(line);
  if (!message) continue;
  if ('watch' in message) watched.set(message.watch, message.plan);
  else watched.delete(message.unwatch);
}

await Promise.allSettled([...watched].map(([marker, plan]) => endMarked(marker, plan)));
