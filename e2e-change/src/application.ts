import { readFlag, type Store } from '@switchyard/store';
import pg from 'pg';
import type { TargetDatabase } from './target.js';

/** How an application of the tests writes. */
export type WriteMode = 'old' | 'both' | 'new';

/** Names as people write them. */
const NAMES = [
  'Ada Lovelace',
  'Plato',
  '  Jean   Luc  Picard ',
  '',
  'Zoë Ångström',
  '李 小龍',
  "O'Neil Mac  Gee",
  '\tTab Between',
];

/** What an application has done. */
export interface Traffic {
  readonly writes: number;
  /** Statements that failed; every one is a request that a person would have seen fail. */
  readonly failures: readonly string[];
  /** Longest statement in milliseconds. */
  readonly slowestMs: number;
}

/** An application that writes a table of people without pause, in the shape that the write flag tells. */
export interface Application extends AsyncDisposable {
  readonly traffic: () => Traffic;
  readonly mode: () => WriteMode;
  readonly stop: () => Promise<Traffic>;
}

/** Options of {@link startApplication}. */
export interface ApplicationOptions {
  readonly writers?: number;
  /** Pause between two writes of a writer, milliseconds. Default 5. */
  readonly pauseMs?: number;
  readonly writeFlag?: string;
}

/**
 * Starts writers that insert, rename and delete. A flag is looked at before each write, as a service does that has no
 * lease: a flip is followed at the next write.
 */
export async function startApplication(
  { target, store }: { readonly target: TargetDatabase; readonly store: Store },
  { writers = 2, pauseMs = 5, writeFlag = 'users-write' }: ApplicationOptions = {},
): Promise<Application> {
  const pool = new pg.Pool({ connectionString: target.url, max: writers, application_name: 'users-app' });
  pool.on('error', () => undefined);
  const failures: string[] = [];
  let writes = 0;
  let slowestMs = 0;
  let isOver = false;
  let mode: WriteMode = 'old';

  const look = async (): Promise<void> => {
    const flag = await readFlag(store.db, writeFlag);
    const value = flag?.definition.variants[flag.definition.defaultVariant];
    mode = value === 'both' || value === 'new' ? value : 'old';
  };
  const write = async (turn: number): Promise<void> => {
    await look();
    const startedAt = performance.now();
    try {
      await pool.query(...statementOf(mode, turn));
      writes++;
    } catch (error) {
      if (!isOver) failures.push(`${mode}: ${error instanceof Error ? error.message : String(error)}`);
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  };
  const running = Array.from({ length: writers }, async (_, writer) => {
    for (let turn = writer; !isOver; turn += writers) {
      // oxlint-disable-next-line no-await-in-loop -- a writer does one thing after the other
      await write(turn);
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  });
  const traffic = (): Traffic => ({ writes, failures, slowestMs });
  const stop = async (): Promise<Traffic> => {
    isOver = true;
    await Promise.all(running);
    if (!pool.ended) await pool.end();
    return traffic();
  };
  return { traffic, mode: () => mode, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
}

const FIRST = `split_part(btrim($1::text), ' ', 1)`;
const LAST = `nullif(regexp_replace(btrim($1::text), '^\\S+\\s*', ''), '')`;
/** A row below 0 belongs to the test. */
const SOME_ROW = 'id = (select id from users where id > 0 order by random() limit 1)';

function statementOf(mode: WriteMode, turn: number): [string, unknown[]] {
  const name = NAMES[turn % NAMES.length] ?? '';
  if (turn % 11 === 0) return [`delete from users where ${SOME_ROW}`, []];
  const columns = { old: 'name', both: 'name, first_name, last_name', new: 'first_name, last_name' }[mode];
  const values = { old: '$1::text', both: `$1::text, ${FIRST}, ${LAST}`, new: `${FIRST}, ${LAST}` }[mode];
  if (turn % 3 === 0) return [`insert into users (said, ${columns}) values ($1, ${values})`, [name]];
  return [`update users set (said, ${columns}) = row($1::text, ${values}) where ${SOME_ROW}`, [name]];
}
