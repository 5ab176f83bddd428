import { randomUUID } from 'node:crypto';
import {
  type IntegrationActivities,
  type IntegrationCall,
  type NewEventInput,
  type ProgressReport,
} from '@switchyard/contracts';
import { createMasker } from '@switchyard/process';
import { createDatabase, createSecrets, envSecrets, parseDatabaseConfig } from '@switchyard/shared-db';
import { openStore, resourcesOf, type LedgerResource } from '@switchyard/store';
import { createTestDatabase, fakeHttp, type FakeHttp, type RecordedRequest } from '@switchyard/testkit';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { createActivities } from '../src/activities/index.js';
import { storeLedger } from '../src/effects/ledger.js';
import { createHttpClient } from '../src/http/client.js';
import { HostPauses } from '../src/http/host-pauses.js';

/** The secret behind `{"$secret": "api-token"}`. */
export const SECRET = 'tok-3f9a7c21';
export const TOKEN = { $secret: 'api-token' };

/** Activities over a real store, and a service that a test owns. One execution per test. */
export interface World {
  readonly fake: FakeHttp;
  readonly events: readonly NewEventInput[];
  readonly reports: readonly ProgressReport[];
  /** One attempt of an activity; a further call with the same step is a further attempt or a second delivery. */
  readonly call: (
    activity: keyof IntegrationActivities,
    input: object,
    options?: { readonly step?: string; readonly env?: MockActivityEnvironment },
  ) => Promise<unknown>;
  readonly asked: (route: string) => RecordedRequest[];
  readonly ledger: () => Promise<LedgerResource[]>;
  /** Makes what is open in the ledger older, as if its attempt had been long ago. */
  readonly ageLedger: () => Promise<void>;
}

/** The world of a file of tests; what it holds is new for each test. */
export function useWorld(): () => World {
  let world: World | undefined;
  let open: { readonly world: () => Promise<World>; readonly close: () => Promise<void> } | undefined;
  beforeAll(async () => {
    open = await openWorld();
  });
  beforeEach(async () => {
    world = await open?.world();
  });
  afterEach(() => world?.fake.close());
  afterAll(() => open?.close());
  return () => {
    if (!world) throw new Error('the world is there within a test only');
    return world;
  };
}

async function openWorld() {
  const database = await createTestDatabase();
  const handle = createDatabase({ role: 'app', config: parseDatabaseConfig(database.env), applicationName: 'test' });
  const store = openStore({ knex: handle.knex });
  await store.migrate();
  const http = createHttpClient({ perHost: 4 });
  const world = async (): Promise<World> => {
    const fake = await fakeHttp();
    const events: NewEventInput[] = [];
    const reports: ProgressReport[] = [];
    const executionId = randomUUID();
    const activities = createActivities({
      masker: createMasker(),
      events: {
        write: async (event) => {
          events.push(event);
        },
      },
      secrets: createSecrets({
        chain: [envSecrets({ env: { SECRET_API_TOKEN: SECRET, SECRET_HOOK: `${fake.url}/hook/s3cr3t-path` } })],
      }),
      http,
      pauses: new HostPauses(),
      ledger: storeLedger(store.db),
      report: async (_run, progress) => {
        reports.push(progress);
      },
    });
    return {
      fake,
      events,
      reports,
      call(activity, input, { step = 'call', env = new MockActivityEnvironment({ attempt: 1 }) } = {}) {
        const given: IntegrationCall<object> = {
          run: { runId: 'run', workflowId: 'run', executionId },
          step,
          effect: `${executionId}/run/${step}`,
          input,
        };
        return env.run(activities[activity] as (call: IntegrationCall<object>) => Promise<unknown>, given);
      },
      asked: (route) => fake.requests.filter(({ method, path }) => `${method} ${path}` === route),
      ledger: () => resourcesOf(store.db, { executionId }),
      async ageLedger() {
        await handle.knex.raw(
          `update switchyard.resource_ledger set started_at = now() - interval '5 minutes' where execution_id = ?`,
          [executionId],
        );
      },
    };
  };
  const close = async (): Promise<void> => {
    await http.close();
    await store.close();
    await handle.close();
    await database.drop();
  };
  return { world, close };
}

/** The coded failure of a call that must fail. */
export async function failure(promise: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await promise.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof ApplicationFailure) return error;
  throw error;
}

/** A fake answer in which the effect happens and the answer is lost. */
export const lost = { drop: true } as const;
