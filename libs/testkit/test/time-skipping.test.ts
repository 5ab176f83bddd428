import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { startTimeSkipping } from '../src/index.js';

it('a server whose clock skips time ends with its folder', async () => {
  const folders = async (): Promise<readonly string[]> =>
    (await readdir(tmpdir())).filter((name) => name.startsWith('switchyard-test-server-'));
  const before = await folders();
  const server = await startTimeSkipping();
  try {
    const start = await server.env.currentTimeMs();
    await server.skipTo(start + 30 * 86_400_000);
    await server.skipTo(start);
    expect(await server.env.currentTimeMs()).toBeGreaterThanOrEqual(start + 30 * 86_400_000);
    expect(await folders()).toHaveLength(before.length + 1);
  } finally {
    await server.stop();
  }
  expect(await folders()).toEqual(before);
});
