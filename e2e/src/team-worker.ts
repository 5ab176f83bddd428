import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { OpenStack } from './stack.js';

/** Does something while the worker of another team serves `python-team-queue`. */
export async function whileTeamWorks<T>(stack: OpenStack, work: () => Promise<T>): Promise<T> {
  const { address, namespace } = (await stack.status()).temporal;
  const connection = await NativeConnection.connect({ address });
  try {
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: 'python-team-queue',
      workflowsPath: fileURLToPath(new URL('./warm-caches.ts', import.meta.url)),
    });
    return await worker.runUntil(work);
  } finally {
    await connection.close();
  }
}
