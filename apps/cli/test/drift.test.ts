import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDatabase, parseDatabaseConfig } from '@switchyard/shared-db';
import { listDecisions, migrate, noteDrift } from '@switchyard/store';
import { createTestDatabase, startPostgres, startTemporal } from '@switchyard/testkit';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

it('drift list tells what has drifted; drift acknowledge keeps who knows of it and until when', async () => {
  await using server = await startPostgres();
  await using temporal = await startTemporal();
  await using test = await createTestDatabase({ server });
  await using database = createDatabase({
    role: 'app',
    config: parseDatabaseConfig(test.env),
    applicationName: 'test',
  });
  const { knex } = database;
  await migrate(knex);
  await noteDrift(knex, {
    subject: 'drift:infra/network:default',
    run: { runId: 'drift-1', workflowId: 'drift-1', executionId: randomUUID() },
    digest: 'sha256:1',
    drifted: [{ address: 'aws_vpc.main', action: 'update' }],
  });

  const folder = await mkdtemp(join(tmpdir(), 'cli-drift-'));
  const env = {
    PATH: process.env['PATH'],
    SWITCHYARD_ROOT: folder,
    SWITCHYARD_IDENTITY: 'ann',
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    ...test.env,
  };
  const drift = async (...words: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [MAIN, 'drift', ...words], { env })).stdout;

  expect(await drift('list')).toMatch(/infra\/network:default +since \S+ \S+ +open +aws_vpc\.main/);
  await expect(drift('acknowledge', 'other', '--for', '7d', '--reason', 'x')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('drift list') as string,
  });
  await expect(drift('acknowledge', 'infra/network', '--for', 'long', '--reason', 'x')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('"long" is not a duration') as string,
  });
  const said = await drift('acknowledge', 'infra/network', '--for', '7d', '--reason', 'a hotfix', '--json');
  expect(JSON.parse(said)).toMatchObject({
    stack: 'infra/network:default',
    digest: 'sha256:1',
    acknowledged: { by: 'ann', reason: 'a hotfix' },
    run: null,
  });
  expect(await drift('list')).toMatch(/acknowledged by ann until/);
  expect(JSON.parse(await drift('list', '--json'))).toMatchObject([
    { stack: 'infra/network:default', digest: 'sha256:1', acknowledged: { by: 'ann' } },
  ]);
  expect((await listDecisions(knex)).at(-1)).toMatchObject({
    subject: 'drift:infra/network:default',
    decision: 'drift-acknowledged',
    channel: 'cli',
    evidence: 'sha256:1',
  });
  await rm(folder, { recursive: true });
});
