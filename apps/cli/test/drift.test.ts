import { randomUUID } from 'node:crypto';
import { listDecisions, noteDrift } from '@switchyard/store';
import { startTemporal } from '@switchyard/testkit';
import { expect, it } from 'vitest';
import { openStoreWorld } from './store-world.js';

it('drift list tells what has drifted; drift acknowledge keeps who knows of it and until when', async () => {
  await using temporal = await startTemporal();
  await using world = await openStoreWorld({
    SWITCHYARD_IDENTITY: 'ann',
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  });
  const { knex } = world;
  await noteDrift(knex, {
    subject: 'drift:infra/network:default',
    run: { runId: 'drift-1', workflowId: 'drift-1', executionId: randomUUID() },
    digest: 'sha256:1',
    drifted: [{ address: 'aws_vpc.main', action: 'update' }],
  });

  const drift = (...words: string[]): Promise<string> => world.cli('drift', ...words);

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
});
