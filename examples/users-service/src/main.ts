import { once } from 'node:events';
import pg from 'pg';
import { createApp } from './app.js';
import { readConfig } from './config.js';
import { connectFlags } from './flags/flags.js';
import { takePart } from './flags/participant.js';
import { openUsers } from './users/users.js';

/**
 * Longest time that a statement may take, in milliseconds. A write that began at the end of a lease has ended long
 * before the instance counts as gone: 10 s of lease and 5 s of statement are less than 30 s.
 */
const STATEMENT_TIMEOUT_MS = 5_000;

const { databaseUrl, gateway, service, instance, host, port } = readConfig(process.env);
const pool = new pg.Pool({
  connectionString: databaseUrl,
  max: 10,
  connectionTimeoutMillis: 10_000,
  idleTimeoutMillis: 60_000,
  statement_timeout: STATEMENT_TIMEOUT_MS,
});
pool.on('error', () => undefined); // an idle connection was lost; the next query opens another

const participant = takePart({
  service,
  instance,
  gateway,
  evaluate: await connectFlags(gateway),
  databaseClock: async () => {
    const { rows } = await pool.query<{ ms: number }>(
      'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    );
    return rows[0]?.ms ?? Number.NaN;
  },
  onProblem: (error) => console.error('the instance cannot report:', error),
});
const app = createApp(participant, openUsers(pool, participant));

const url = await app.listen({ host, port });
console.log(JSON.stringify({ msg: 'listening', url, service, instance }));
await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
// In this order: requests end, the instance says goodbye, the database is left.
await app.close();
await participant.leave();
await pool.end();
