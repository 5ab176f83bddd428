import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SpoolFile } from './spool-file.js';
import { Spools } from './spools.js';

/** Printed by a failure; set it in the environment to run the same cases again. */
const seed = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2 ** 31);

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'switchyard-spool-'));
});
afterAll(() => rm(directory, { recursive: true }));
let count = 0;
const newFile = (): SpoolFile => new SpoolFile(join(directory, `s.${++count}.spool`));

async function contents(spool: SpoolFile): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const { messages } of spool.read()) all.push(...messages.map((message) => Buffer.from(message)));
  return all;
}

describe('a spool file', () => {
  test('gives back what was put in, whatever its sizes', async () => {
    const sizes = fc.array(fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(131_068, 131_072, 131_073, 700_000)), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat({ max: 11 }), async (lengths, flushAt) => {
        const spool = newFile();
        const messages = lengths.map((length) => randomBytes(length));
        for (const [i, message] of messages.entries()) {
          spool.append(message);
          if (i === flushAt) await spool.flush();
        }
        const read = await contents(spool);
        expect(read.map(({ length }) => length)).toEqual(lengths);
        expect(Buffer.concat(read).equals(Buffer.concat(messages))).toBe(true);
        await spool.remove();
      }),
      { seed, numRuns: 40 },
    );
    expect(await readdir(directory)).toEqual([]);
  });

  test('keeps what it writes from others, and keeps no reference to it', async () => {
    const spool = newFile();
    const message = Buffer.from('first');
    spool.append(message);
    await spool.flush();
    message.write('wrong');
    expect((await stat(spool.path)).mode & 0o777).toBe(0o600);
    expect((await contents(spool)).map(String)).toEqual(['first']);
    await spool.remove();
  });

  test.each<[string, (path: string) => Promise<unknown>, string]>([
    ['shorter', async (path) => await handle(path, (file) => file.truncate(7)), 'shorter than what was written'],
    ['changed', async (path) => await handle(path, (file) => file.write('X', 6)), 'it was changed'],
  ])('that is %s than what was written is not trusted', async (_case, harm, problem) => {
    const spool = newFile();
    spool.append(Buffer.from('message'));
    await spool.flush();
    await harm(spool.path);
    await expect(contents(spool)).rejects.toMatchObject({
      code: 'Internal',
      message: expect.stringContaining(problem),
    });
    await spool.remove();
  });

  test('does not write over one that is there', async () => {
    const [first, second] = [new SpoolFile(join(directory, 'same')), new SpoolFile(join(directory, 'same'))];
    first.append(Buffer.from('a'));
    await first.flush();
    second.append(Buffer.from('b'));
    await expect(second.flush()).rejects.toMatchObject({ details: { errno: 'EEXIST' } });
    await first.remove();
  });
});

async function handle(path: string, work: (file: Awaited<ReturnType<typeof open>>) => Promise<unknown>): Promise<void> {
  const file = await open(path, 'r+');
  await work(file);
  await file.close();
}

describe('the files of a stream', () => {
  test('are told apart by transaction, and gaps in what the server says are refused', async () => {
    const spools = new Spools(directory, 's');
    const spool = spools.block(5, true);
    expect(spools.block(5, false)).toBe(spool);
    expect(spools.block(6, true)).not.toBe(spool);
    expect(() => spools.block(5, true)).toThrow('transaction 5 begins again');
    expect(() => spools.block(7, false)).toThrow('transaction 7 goes on and never began');
    expect(() => spools.committed(7)).toThrow('transaction 7 commits and never began');
    await spools.abort(7, 7); // rolled back before anything of it came
    await spools.abort(5, 51);
    expect([spool.isAborted(51), spool.isAborted(5)]).toEqual([true, false]);
    await spools.abort(5, 5);
    expect(spools.size).toBe(1);
    await spools.removeAll();
    expect(spools.size).toBe(0);
  });
});
