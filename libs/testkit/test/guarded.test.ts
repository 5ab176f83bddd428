import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isRunning, identify } from '@switchyard/local-stack';
import { expect, it } from 'vitest';
import { waitFor } from '../src/index.js';

it('ends a PostgreSQL server whose test run was killed', async () => {
  const script = `
    import { startPostgres } from '@switchyard/testkit/servers';
    console.log('pid=' + (await startPostgres()).pid);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const pid = await new Promise<number>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const found = /^pid=(\d+)$/.exec(line)?.[1];
        if (found !== undefined) resolve(Number(found));
      });
    });
    const server = await waitFor(() => identify(pid), { timeoutMs: 5_000, what: 'the server' });
    expect(await isRunning(server)).toBe(true);
    child.kill('SIGKILL');
    await waitFor(async () => !(await isRunning(server)), { what: 'the end of the server' });
  } finally {
    // A program that is left running would keep the test run itself from ending.
    child.kill('SIGKILL');
  }
});
