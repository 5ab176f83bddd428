import { inject } from 'vitest';
import type { PostgresForTests } from './postgres-server.js';
import type { TemporalForTests } from './temporal-server.js';

declare module 'vitest' {
  interface ProvidedContext {
    switchyardTemporal: TemporalForTests;
    switchyardPostgres: PostgresForTests;
  }
}

/** The Temporal server of this test run. The package's vitest.config.ts has to name the global set-up. */
export function temporal(): TemporalForTests {
  const provided = inject('switchyardTemporal') as TemporalForTests | undefined;
  if (provided === undefined) throw new Error(missing('temporal'));
  return provided;
}

/** The PostgreSQL server of this test run. The package's vitest.config.ts has to name the global set-up. */
export function postgres(): PostgresForTests {
  const provided = inject('switchyardPostgres') as PostgresForTests | undefined;
  if (provided === undefined) throw new Error(missing('postgres'));
  return provided;
}

const missing = (server: string): string =>
  `no ${server} server in this test run: add globalSetup: ['@switchyard/testkit/global-setup/${server}'] to vitest.config.ts`;
