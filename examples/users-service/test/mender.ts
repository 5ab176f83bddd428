import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';

const FIRST = `split_part(btrim(name), ' ', 1)`;
const LAST = String.raw`nullif(regexp_replace(btrim(name), '^\S+\s*', ''), '')`;
const DIFFER = `(first_name, last_name) is distinct from (${FIRST}, ${LAST})
                and name is distinct from concat_ws(' ', first_name, last_name)`;

const MEND = {
  forward: `update public.users set first_name = ${FIRST}, last_name = ${LAST} where ${DIFFER}`,
  reverse: `update public.users set name = concat_ws(' ', first_name, last_name) where ${DIFFER}`,
} as const;

/** Keeps the other side of each row true, some milliseconds behind the writers, as the stream of a change does. */
export class Mender {
  readonly #pool: Pool;
  readonly #stop = new AbortController();
  #direction: keyof typeof MEND = 'forward';
  #running: Promise<void> | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Adds the new columns and begins to fill them. */
  async expand(): Promise<void> {
    await this.#pool.query('alter table public.users add column first_name text, add column last_name text');
    await this.#pool.query(MEND.forward);
    this.#running = this.#run();
  }

  /** From now on the old column follows the new ones, and may stay empty. */
  async turnRound(): Promise<void> {
    await this.#pool.query('alter table public.users alter column name drop not null');
    this.#direction = 'reverse';
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#pool.query(MEND[this.#direction]);
      await sleep(15);
    }
  }
}
