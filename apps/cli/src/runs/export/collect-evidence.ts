import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MEMO, SOURCE_PINNED_EVENT, type StoredEvent } from '@switchyard/contracts';
import {
  hostsOf,
  listArtifacts,
  listDecisions,
  readEvents,
  resourcesOf,
  snapshotOf,
  type Db,
  type RecordedDecision,
} from '@switchyard/store';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { Session } from '../../session.js';
import { describeRun } from '../describe-run.js';
import { eventsOf, type History } from '../history/read-history.js';
import { executionsOf, type Execution } from '../replay/executions.js';
import { stableJson, type Manifest } from './manifest.js';
import type { Clean } from './without-secrets.js';

/** Options of {@link collectEvidence}. */
export interface CollectOptions {
  readonly session: Session;
  readonly runId: string;
  /** An empty folder that the files go to. */
  readonly folder: string;
  readonly clean: Clean;
  /** The release that collects. */
  readonly release: string;
}

/**
 * Writes what proves a run into a folder: who started it with which input, what was planned, who decided what, each
 * host and resource, every event, and which code and tools did it. Only decoded values that passed `clean` are written;
 * of histories and artifacts the digests, since their bytes may hold secrets.
 */
export async function collectEvidence(options: CollectOptions): Promise<Omit<Manifest, 'files' | 'format'>> {
  const { session, runId, folder, clean, release } = options;
  const { client } = session;
  const { db } = session.store();
  const write = (name: string, value: unknown): Promise<void> =>
    writeFile(join(folder, name), stableJson(clean(value)));
  const described = await describeRun(session, runId);

  const missing: string[] = [];
  const workflows: WorkflowEvidence[] = [];
  const hosts: unknown[] = [];
  const resources: unknown[] = [];
  let root: Execution | undefined;
  for await (const execution of executionsOf(client, described, { withChildren: true })) {
    if (execution.depth === 0) root = execution;
    if (!execution.history) missing.push(`the history of ${execution.workflowId} is gone: retention removed it`);
    const evidence = workflowEvidence(execution);
    workflows.push(evidence);
    // An execution is known to the ledgers by the first of its chain.
    if (evidence.continuedFrom !== null) continue;
    hosts.push(...(await hostEvidence(db, execution)));
    resources.push(...(await resourceEvidence(db, execution)));
  }

  const versions = versionsIn(workflows);
  const events = eventsTo(db, runId, clean, versions);
  await pipeline(Readable.from(events.lines()), createWriteStream(join(folder, 'events.jsonl')));
  const first = workflows[0];
  await write('run.json', {
    runId,
    type: described.type,
    status: described.status.name,
    startedAt: described.startTime.toISOString(),
    closedAt: described.closeTime?.toISOString() ?? null,
    startedBy: described.memo?.[MEMO.startedBy] ?? null,
    outcome: root ? outcomeOf(root) : null,
  });
  await write('input.json', first?.input ?? null);
  await write(
    'workflows.json',
    workflows.map(({ input, ...rest }) => ({ ...rest, input: rest.depth === 0 ? 'input.json' : input })),
  );
  await write('hosts.json', hosts);
  await write('resources.json', resources);
  await write('plans.json', events.plans);
  await write('decisions.json', await allDecisions(db, runId));
  await write('artifacts.json', await listArtifacts(db, { runId }));
  await write('versions.json', Object.fromEntries([...versions].map(([what, all]) => [what, [...all].toSorted()])));
  return { runId, state: root?.read?.state ?? 'unknown', madeBy: { switchyard: release }, missing };
}

interface WorkflowEvidence {
  readonly workflowId: string;
  readonly executionId: string;
  readonly type: string;
  readonly taskQueue: string;
  readonly depth: number;
  readonly state: string;
  readonly startedAt: string | null;
  readonly closedAt: string | null;
  readonly continuedFrom: string | null;
  readonly input: unknown;
  readonly failure: unknown;
  /** Digest of the history as JSON; null when it is gone. */
  readonly history: { readonly events: number; readonly sha256: string } | null;
  readonly builds: readonly string[];
  readonly sdks: readonly string[];
}

function workflowEvidence({ workflowId, runId, depth, history, read }: Execution): WorkflowEvidence {
  return {
    workflowId,
    executionId: runId,
    depth,
    type: read?.type ?? '',
    taskQueue: read?.taskQueue ?? '',
    state: read?.state ?? 'unknown',
    startedAt: read?.startedAt ?? null,
    closedAt: read?.closedAt ?? null,
    continuedFrom: read?.continuedFrom ?? null,
    failure: read?.failure ?? null,
    input: history ? inputOf(history) : null,
    history: history && {
      events: eventsOf(history).length,
      sha256: digestOf(history),
    },
    builds: history ? distinct(eventsOf(history).map(buildOf)) : [],
    sdks: history ? distinct(eventsOf(history).map(sdkOf)) : [],
  };
}

/** Of its JSON with sorted fields: the server gives maps in another order each time that it is asked. */
const digestOf = (history: History): string =>
  createHash('sha256')
    .update(stableJson(JSON.parse(historyToJSON(history))))
    .digest('hex');

const distinct = (values: readonly (string | undefined)[]): string[] =>
  [...new Set(values.filter((value) => value !== undefined))].toSorted();

type Event = ReturnType<typeof eventsOf>[number];

const buildOf = ({ workflowTaskCompletedEventAttributes: task }: Event): string | undefined =>
  task?.workerVersion?.buildId || undefined;

function sdkOf({ workflowTaskCompletedEventAttributes: task }: Event): string | undefined {
  const { sdkName, sdkVersion } = task?.sdkMetadata ?? {};
  return sdkName ? `${sdkName} ${sdkVersion ?? ''}`.trim() : undefined;
}

const decode = (payloads: readonly (Payload | null)[] | null | undefined): unknown[] =>
  (payloads ?? []).map((payload) => (payload ? defaultPayloadConverter.fromPayload(payload) : null));

const inputOf = (history: History): unknown =>
  decode(eventsOf(history)[0]?.workflowExecutionStartedEventAttributes?.input?.payloads)[0] ?? null;

function outcomeOf({ history, read }: Execution): unknown {
  if (read?.failure) return { ok: false, failure: read.failure };
  const done = history && eventsOf(history).at(-1)?.workflowExecutionCompletedEventAttributes;
  return done ? { ok: true, result: decode(done.result?.payloads)[0] ?? null } : null;
}

/** The inventory of each round of an execution, with what became of every host. */
async function hostEvidence(db: Db, { workflowId, runId }: Execution): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let round = 1; ; round++) {
    const executionId = round === 1 ? runId : `${runId}#${round}`;
    // Whether there is a further round shows only once this one was found.
    // oxlint-disable-next-line no-await-in-loop
    const snapshot = await snapshotOf(db, { executionId });
    if (!snapshot) return found;
    const { inventoryDigest, createdAt } = snapshot;
    // oxlint-disable-next-line no-await-in-loop
    found.push({ workflowId, round, inventoryDigest, createdAt, hosts: await hostsOf(db, { executionId }) });
  }
}

async function resourceEvidence(db: Db, { workflowId, runId }: Execution): Promise<unknown[]> {
  const resources = await resourcesOf(db, { executionId: runId });
  return resources.length > 0 ? [{ workflowId, resources }] : [];
}

async function allDecisions(db: Db, runId: string): Promise<RecordedDecision[]> {
  const all: RecordedDecision[] = [];
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    const page = await listDecisions(db, { runId, after: all.at(-1)?.number ?? 0, limit: 500 });
    all.push(...page);
    if (page.length < 500) return all;
  }
}

type Versions = Map<string, Set<string>>;

function versionsIn(workflows: readonly WorkflowEvidence[]): Versions {
  const of = (pick: (one: WorkflowEvidence) => readonly string[]): Set<string> => new Set(workflows.flatMap(pick));
  return new Map([
    ['workerBuilds', of(({ builds }) => builds)],
    ['temporalSdk', of(({ sdks }) => sdks)],
  ]);
}

/** Event types whose data tells the version of a tool, and the field. */
const TOLD_VERSIONS: Readonly<Record<string, readonly [tool: string, field: string]>> = {
  playbook_start: ['ansible-core', 'core'],
  [SOURCE_PINNED_EVENT]: ['sourceCommit', 'commit'],
};

/** The events of a run as lines of JSON, page by page; plans and versions among them are noted on the way. */
function eventsTo(db: Db, runId: string, clean: Clean, versions: Versions) {
  const plans: unknown[] = [];
  const note = ({ type, workflowId, data, at, message }: StoredEvent): void => {
    if (type === 'plan_made') plans.push({ workflowId, at, message, ...data });
    const [tool, field] = TOLD_VERSIONS[type] ?? [];
    const version = field === undefined ? undefined : data[field];
    if (tool !== undefined && typeof version === 'string')
      versions.set(tool, (versions.get(tool) ?? new Set()).add(version));
  };
  async function* lines(): AsyncGenerator<string> {
    for (let after = 0; ;) {
      // oxlint-disable-next-line no-await-in-loop
      const page = await readEvents(db, { runId, after, limit: 1_000 });
      for (const event of page) {
        note(event);
        yield `${JSON.stringify(clean(event))}\n`;
      }
      after = page.at(-1)?.seq ?? after;
      if (page.length < 1_000) return;
    }
  }
  return { lines, plans };
}
