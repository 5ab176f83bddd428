import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import {
  dropArtifactRefsBefore,
  getArtifact,
  listArtifacts,
  newestArtifacts,
  openStore,
  parseArtifactKeys,
  putArtifact,
  readArtifact,
  sweepArtifacts,
} from '../src/index.js';
import { CHUNK_BYTES } from '../src/artifacts/cipher.js';
import { useStoreDatabase } from './support/database.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const database = useStoreDatabase();
const newKey = (): string => randomBytes(32).toString('base64');
const keys = parseArtifactKeys(newKey());
const digestOf = (bytes: Uint8Array | string): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const plan = (content: string | Uint8Array | AsyncIterable<Uint8Array>, runId: string = randomUUID()) => ({
  runId,
  kind: 'plan',
  name: 'tfplan',
  content,
});

async function countOf(table: 'artifact_blobs' | 'artifact_chunks'): Promise<number> {
  const { rows } = await database().knex.raw<{ rows: unknown[] }>('select 1 from switchyard.??', [table]);
  return rows.length;
}

describe('putArtifact and getArtifact', () => {
  test.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7])(
    'give back %i bytes as they were, whatever the pieces they came in',
    async (size) => {
      const { knex } = database();
      const bytes = randomBytes(size);
      const digest = digestOf(bytes);
      expect(await putArtifact(knex, keys, plan(bytes))).toEqual({ digest, bytes: size });
      const pieces = Readable.from(
        (function* () {
          for (let i = 0; i < size; i += 100_003) yield bytes.subarray(i, i + 100_003);
        })(),
        { objectMode: false },
      );
      expect(await putArtifact(knex, keys, plan(pieces))).toEqual({ digest, bytes: size });
      expect((await readArtifact(knex, keys, { digest })).equals(bytes)).toBe(true);
    },
  );

  test('store nothing that can be read in the database', async () => {
    const { knex } = database();
    const { digest } = await putArtifact(knex, keys, plan('the secret plan '.repeat(1000)));
    const { rows } = await knex.raw<{ rows: { data: Buffer }[] }>(
      'select c.data from switchyard.artifact_chunks c join switchyard.artifact_blobs b on b.id = c.blob_id where digest = ?',
      [digest],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.data.includes('secret')).toBe(false);
  });

  test('store equal bytes once, and each run refers to them', async () => {
    const { knex } = database();
    const bytes = randomBytes(1000);
    const before = await countOf('artifact_blobs');
    const runs = Array.from({ length: 8 }, () => randomUUID());
    await Promise.all(runs.map((runId) => putArtifact(knex, keys, plan(bytes, runId))));
    expect(await countOf('artifact_blobs')).toBe(before + 1);
    for (const runId of runs) {
      expect(await listArtifacts(knex, { runId })).toEqual([
        {
          runId,
          kind: 'plan',
          name: 'tfplan',
          digest: digestOf(bytes),
          bytes: 1000,
          contentType: 'application/octet-stream',
          createdAt: expect.any(String),
        },
      ]);
    }
  });

  test('refer once when a run stores the same thing again', async () => {
    const { knex } = database();
    const runId = randomUUID();
    for (let i = 0; i < 2; i++) await putArtifact(knex, keys, { ...plan('same', runId), contentType: 'text/plain' });
    expect(await newestArtifacts(knex, { kind: 'no-such-kind', limit: 5 })).toEqual([]);
    const [newest] = await newestArtifacts(knex, {
      kind: (await listArtifacts(knex, { runId }))[0]?.kind ?? '',
      limit: 1,
    });
    expect(newest).toMatchObject({ runId });
    expect(await listArtifacts(knex, { runId })).toMatchObject([{ contentType: 'text/plain' }]);
  });

  test('pass a big stream through in flat memory', async () => {
    const { knex } = database();
    const MiB = 1024 * 1024;
    const size = 96 * MiB;
    const piece = randomBytes(MiB);
    // The buffers that one collection finds dead are released beside the program; the next one waits for that.
    const heldNow = (): number => {
      collectGarbage();
      collectGarbage();
      const { external, heapUsed } = process.memoryUsage();
      return external + heapUsed;
    };
    const start = heldNow();
    let most = 0;
    async function* content(): AsyncGenerator<Buffer, void, undefined> {
      for (let i = 0; i < size / MiB; i++) {
        piece.writeUInt32BE(i);
        if (i % 16 === 0) most = Math.max(most, heldNow() - start);
        yield Buffer.from(piece);
      }
    }
    const { digest, bytes } = await putArtifact(knex, keys, plan(content()));
    expect(bytes).toBe(size);
    const artifact = await getArtifact(knex, keys, { digest });
    let read = 0;
    for await (const part of artifact.content) {
      read += (part as Buffer).length;
      if (read % (16 * MiB) < CHUNK_BYTES) most = Math.max(most, heldNow() - start);
    }
    expect(read).toBe(size);
    // A few pieces under way, of 96.
    expect(most).toBeLessThan(8 * MiB);
  });

  test('refuse more than the limit, and leave nothing', async () => {
    const { knex } = database();
    const before = [await countOf('artifact_blobs'), await countOf('artifact_chunks')];
    const tooBig = { ...plan(randomBytes(2 * CHUNK_BYTES)), maxBytes: CHUNK_BYTES };
    await expect(putArtifact(knex, keys, tooBig)).rejects.toMatchObject({
      code: 'InvalidInput',
      message: expect.stringContaining(String(CHUNK_BYTES)),
    });
    expect([await countOf('artifact_blobs'), await countOf('artifact_chunks')]).toEqual(before);
  });

  test('leave nothing of a stream that breaks', async () => {
    const { knex } = database();
    const before = [await countOf('artifact_blobs'), await countOf('artifact_chunks')];
    const broken = (async function* () {
      yield randomBytes(CHUNK_BYTES);
      throw new Error('the disk is gone');
    })();
    await expect(putArtifact(knex, keys, plan(broken))).rejects.toThrow('the disk is gone');
    expect([await countOf('artifact_blobs'), await countOf('artifact_chunks')]).toEqual(before);
  });

  test('refuse an unknown digest and too many bytes for memory', async () => {
    const { knex } = database();
    await expect(getArtifact(knex, keys, { digest: digestOf('never') })).rejects.toMatchObject({ code: 'NotFound' });
    const { digest } = await putArtifact(knex, keys, plan(randomBytes(100)));
    await expect(readArtifact(knex, keys, { digest, maxBytes: 99 })).rejects.toMatchObject({ code: 'InvalidInput' });
  });
});

describe('damage', () => {
  const damages: [string, string][] = [
    [
      'a changed byte',
      `update switchyard.artifact_chunks set data = set_byte(data, 10, get_byte(data, 10) # 1) where n = 1 and`,
    ],
    ['a missing last chunk', 'delete from switchyard.artifact_chunks where n = 2 and'],
    ['a cut chunk', 'update switchyard.artifact_chunks set data = substr(data, 1, 5) where n = 0 and'],
    [
      'chunks that changed places',
      `update switchyard.artifact_chunks c set data =
         (select data from switchyard.artifact_chunks o where o.blob_id = c.blob_id and o.n = 1 - c.n) where n in (0, 1) and`,
    ],
    ['a cut blob that claims to be whole', 'update switchyard.artifact_blobs set chunks = 2 where'],
  ];
  test.each(damages)('by %s is noticed before the stream ends', async (_, sql) => {
    const { knex } = database();
    const { digest } = await putArtifact(knex, keys, plan(randomBytes(2 * CHUNK_BYTES + 5)));
    const { rows } = await knex.raw<{ rows: { id: string }[] }>(
      'select id from switchyard.artifact_blobs where digest = ?',
      [digest],
    );
    const id = rows[0]?.id ?? '';
    await knex.raw(`${sql} ${sql.includes('artifact_blobs') ? 'id' : 'blob_id'} = '${id}'`);
    await expect(readArtifact(knex, keys, { digest })).rejects.toMatchObject({
      code: 'Internal',
      retryable: false,
      message: expect.stringContaining('is damaged'),
    });
  });
});

describe('keys', () => {
  test('a wrong key is named with the way out, and no part of a key shows', async () => {
    const { knex } = database();
    const { digest } = await putArtifact(knex, keys, plan(randomBytes(10)));
    const other = newKey();
    const reading = getArtifact(knex, parseArtifactKeys(other), { digest });
    await expect(reading).rejects.toMatchObject({
      code: 'PreflightRefused',
      message: expect.stringMatching(new RegExp(`${keys.current.id}.*SWITCHYARD_ARTIFACT_KEY`)),
    });
    await expect(reading).rejects.not.toMatchObject({ message: expect.stringContaining(other.slice(0, 8)) });
  });

  test('after a rotation old artifacts are read with the former key and new ones written with the new one', async () => {
    const { knex } = database();
    const [former, current] = [newKey(), newKey()];
    const old = await putArtifact(knex, parseArtifactKeys(former), plan('written before'));
    const rotated = parseArtifactKeys(`${current}, ${former}`);
    expect((await readArtifact(knex, rotated, old)).toString()).toBe('written before');
    const fresh = await putArtifact(knex, rotated, plan('written after'));
    expect((await readArtifact(knex, parseArtifactKeys(current), fresh)).toString()).toBe('written after');
  });

  test('equal bytes under a key that is gone are encrypted anew, and old references read them again', async () => {
    const { knex } = database();
    const [gone, current] = [parseArtifactKeys(newKey()), parseArtifactKeys(newKey())];
    const bytes = randomBytes(CHUNK_BYTES + 1);
    const old = plan(bytes);
    const { digest } = await putArtifact(knex, gone, old);
    await putArtifact(knex, current, plan(bytes));
    expect((await readArtifact(knex, current, { digest })).equals(bytes)).toBe(true);
    expect(await listArtifacts(knex, { runId: old.runId })).toMatchObject([{ digest }]);
  });

  test.each(['', 'too-short', `${newKey()},oops`, 'a'.repeat(64)])('refuse %j without repeating it', (text) => {
    expect(() => parseArtifactKeys(text)).toThrow(/openssl rand/);
    expect(() => parseArtifactKeys(text)).not.toThrow(text === '' ? 'never' : text);
  });

  test('a store without a key works, but for artifacts', async () => {
    const store = openStore({ knex: database().knex });
    await store.assertSchema();
    await expect(store.putArtifact(plan('x'))).rejects.toMatchObject({ code: 'PreflightRefused' });
    const withKey = openStore({ knex: database().knex, key: newKey() });
    const { digest } = await withKey.putArtifact(plan('by a store'));
    expect((await withKey.readArtifact({ digest })).toString()).toBe('by a store');
    await Promise.all([store.close(), withKey.close()]);
  });
});

describe('retention of artifacts', () => {
  test('removes references by age, then bytes that nobody refers to and dead uploads; others stay', async () => {
    const { knex } = database();
    const [old, kept] = [plan(randomBytes(10)), plan(randomBytes(10))];
    const gone = await putArtifact(knex, keys, old);
    const stays = await putArtifact(knex, keys, kept);
    await knex.raw(`update switchyard.artifact_refs set created_at = now() - interval '90 days' where run_id = ?`, [
      old.runId,
    ]);
    await knex.raw(
      `insert into switchyard.artifact_blobs (key_id, salt, created_at) values ('x', 'x', now() - interval '2 days')`,
    );
    expect(await dropArtifactRefsBefore(knex, { before: new Date(Date.now() - 30 * 86_400_000) })).toBe(1);
    expect(await sweepArtifacts(knex)).toBe(1);
    expect(await readArtifact(knex, keys, gone)).toHaveLength(10);
    expect(await sweepArtifacts(knex, { olderThanMs: 0 })).toBe(1);
    await expect(getArtifact(knex, keys, gone)).rejects.toMatchObject({ code: 'NotFound' });
    expect(await readArtifact(knex, keys, stays)).toHaveLength(10);
  });

  test('never takes bytes away from a run that refers to them at the same moment', async () => {
    const { knex } = database();
    const bytes = randomBytes(10);
    const digest = digestOf(bytes);
    const done = new AbortController();
    const sweeping = (async () => {
      while (!done.signal.aborted) await sweepArtifacts(knex, { olderThanMs: 60_000 });
    })();
    for (let i = 0; i < 30; i++) {
      const run = plan(bytes);
      await putArtifact(knex, keys, run);
      expect((await readArtifact(knex, keys, { digest })).equals(bytes)).toBe(true);
      await knex.raw(`update switchyard.artifact_blobs set created_at = now() - interval '1 hour' where digest = ?`, [
        digest,
      ]);
      await knex.raw('delete from switchyard.artifact_refs where run_id = ?', [run.runId]);
    }
    done.abort();
    await sweeping;
  });
});
