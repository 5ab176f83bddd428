import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { acknowledgeDrift, listDecisions, listDrift, noteDrift } from '../src/index.js';
import { useStoreDatabase } from './support/database.js';

const database = useStoreDatabase();
const newSubject = (): string => `drift:${randomUUID()}:default`;
const newRun = () => ({ runId: 'drift-1', workflowId: 'drift-1', executionId: randomUUID() });
const note = (subject: string, digest: string | null, run = newRun()) =>
  noteDrift(database().knex, {
    subject,
    run,
    digest,
    drifted: digest === null ? [] : [{ address: 'a.x', action: 'update' }],
  });
const listed = async (subject: string) => (await listDrift(database().knex)).find((one) => one.subject === subject);
const acknowledge = (subject: string, digest: string, forMs: number) =>
  acknowledgeDrift(database().knex, {
    id: randomUUID(),
    subject,
    runId: 'drift-1',
    digest,
    until: new Date(Date.now() + forMs),
    by: 'ann',
    channel: 'cli',
    reason: 'a hotfix',
  });

describe('drift', () => {
  test('is new once, and again when it is another one or comes back', async () => {
    const subject = newSubject();
    expect(await note(subject, null)).toEqual({ isNew: false, acknowledged: null });
    const seen = [];
    for (const digest of ['sha256:1', 'sha256:1', 'sha256:2', null, null, 'sha256:2'])
      seen.push((await note(subject, digest)).isNew);
    expect(seen).toEqual([true, false, true, false, false, true]);
    const kept = await listDecisions(database().knex, { subject });
    expect(kept.map(({ decision, evidence }) => `${decision} ${evidence}`)).toEqual([
      'drift-seen sha256:1',
      'drift-seen sha256:2',
      'drift-gone ',
      'drift-seen sha256:2',
    ]);
  });

  test('is new again for the run that found it, whose answer may have been lost', async () => {
    const subject = newSubject();
    const run = newRun();
    expect(await note(subject, 'sha256:1', run)).toMatchObject({ isNew: true });
    expect(await note(subject, 'sha256:1', run)).toMatchObject({ isNew: true });
    expect(await note(subject, 'sha256:2', run)).toMatchObject({ isNew: true });
    expect(await listed(subject)).toMatchObject({ digest: 'sha256:2' });
  });

  test('is noted in one statement, also when many look at once', async () => {
    const subject = newSubject();
    const asked: string[] = [];
    const { knex } = database();
    const listen = ({ sql, bindings }: { sql: string; bindings: unknown[] }): void => {
      if (bindings.includes(subject)) asked.push(sql);
    };
    knex.on('query', listen);
    try {
      await note(subject, 'sha256:1');
      await note(subject, 'sha256:1');
    } finally {
      knex.removeListener('query', listen);
    }
    expect(asked).toHaveLength(2);
    const run = newRun();
    await Promise.all(Array.from({ length: 8 }, () => note(subject, 'sha256:2', run)));
    expect((await listDecisions(knex, { subject })).map(({ evidence }) => evidence)).toEqual(['sha256:1', 'sha256:2']);
  });

  test('is listed with what has drifted until it is gone', async () => {
    const subject = newSubject();
    await note(subject, 'sha256:1');
    expect(await listed(subject)).toEqual({
      subject,
      digest: 'sha256:1',
      since: expect.stringMatching(/Z$/) as string,
      runId: 'drift-1',
      drifted: [{ address: 'a.x', action: 'update' }],
      acknowledged: null,
    });
    await note(subject, null);
    expect(await listed(subject)).toBeUndefined();
  });

  test('is acknowledged by its digest and for a time', async () => {
    const subject = newSubject();
    await note(subject, 'sha256:1');
    await acknowledge(subject, 'sha256:1', -1);
    expect((await listed(subject))?.acknowledged).toBeNull();
    const { until } = await acknowledge(subject, 'sha256:1', 60_000);
    const acknowledged = { by: 'ann', reason: 'a hotfix', until };
    expect((await listed(subject))?.acknowledged).toEqual(acknowledged);
    expect(await note(subject, 'sha256:1')).toEqual({ isNew: false, acknowledged });
    expect(await note(subject, 'sha256:2')).toEqual({ isNew: true, acknowledged: null });
    expect(await note(subject, 'sha256:1')).toEqual({ isNew: true, acknowledged });
  });
});
