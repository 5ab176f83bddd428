import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { BenchStack } from '../stack.ts';
import { codeOf, planOf, TABLE } from './table.ts';
import { withClient } from './with-client.ts';
import type { Speech } from './writer.ts';

/** Names of the versions; pgroll makes a schema of views for each. */
const BASELINE = '00_baseline';
const BEFORE = '01_before';
const AFTER = '02_code';

/** A database of its own for pgroll, with its first version and the change in two files. */
export interface PgrollGround extends AsyncDisposable {
  readonly url: string;
  /** Makes the state of pgroll and the views of the old version. The table is there before. */
  readonly prepare: () => Promise<void>;
  /** Starts the change: new column, trigger, backfill. */
  readonly start: () => PgrollCall;
  /** Ends it: the old column goes. */
  readonly complete: () => PgrollCall;
}

/** A call of pgroll. */
export interface PgrollCall {
  readonly child: ChildProcess;
  /** How it ended, and the end of what it said. */
  readonly ended: Promise<{ readonly code: number | null; readonly said: string }>;
}

/** Applications of pgroll name a version by the search path, and see its columns in views. */
export const PGROLL_SPEECH: Readonly<Record<'old' | 'new', Speech>> = {
  old: { searchPath: `public_${BEFORE}`, text: 'plan', code: null },
  new: { searchPath: `public_${AFTER}`, text: null, code: 'plan' },
};

const DATABASE = 'bench_pgroll';

/** It makes an event trigger, so it wants a superuser. */
export async function openPgroll(stack: BenchStack, program: string): Promise<PgrollGround> {
  const { adminUrl } = stack.servers.postgres;
  const url = adminUrl.replace(/\/postgres$/, `/${DATABASE}`);
  await withClient(adminUrl, async (client) => {
    await client.query(`drop database if exists ${DATABASE}`);
    await client.query(`create database ${DATABASE}`);
  });
  const folder = join(stack.root, 'pgroll');
  await mkdir(folder, { recursive: true });
  const file = async (name: string, operations: readonly unknown[]): Promise<void> =>
    writeFile(join(folder, `${name}.json`), JSON.stringify({ operations }));
  await file(BEFORE, [{ sql: { up: 'select 1' } }]);
  await file(AFTER, [
    {
      alter_column: { table: TABLE, column: 'plan', type: 'smallint', up: codeOf('plan'), down: planOf('plan') },
    },
  ]);
  const call = (...args: readonly string[]): PgrollCall => {
    const child = spawn(program, args, {
      cwd: folder,
      // By the environment: other users of the machine see the arguments of a process.
      env: { ...process.env, PGROLL_PG_URL: `${url}?sslmode=disable` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-2_000)));
    }
    return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, said })) };
  };
  return {
    url,
    prepare: async () => {
      await well(call('init'));
      // What is there already, and then a first version with views, as for an application that uses pgroll for long.
      await well(call('baseline', '--yes', BASELINE, '.'));
      await well(call('start', '--complete', `${BEFORE}.json`));
    },
    start: () => call('start', `${AFTER}.json`),
    complete: () => call('complete'),
    [Symbol.asyncDispose]: () =>
      withClient(adminUrl, async (client) => void (await client.query(`drop database ${DATABASE} with (force)`))),
  };
}

/** @throws with what it said when a call did not end well */
export async function well({ child, ended }: PgrollCall): Promise<void> {
  const { code, said } = await ended;
  if (code !== 0)
    throw new Error(`${child.spawnargs.join(' ')} ended with ${String(code)}: ${stripVTControlCharacters(said)}`);
}
