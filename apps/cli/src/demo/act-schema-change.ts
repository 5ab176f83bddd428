import {
  CodedError,
  formatDuration,
  parse,
  schemaChangeResultSchema,
  TASK_QUEUES,
  type RunStatus,
  type SchemaChange,
  type SchemaChangeResult,
} from '@switchyard/contracts';
import { booleanFlag, writeFlag } from '@switchyard/flags';
import { isWorkflowOpen } from '@switchyard/run-probe';
import { readEvents, readFlag, setFlag, type Store } from '@switchyard/store';
import { sendUpdate } from '../commands/decisions.js';
import { loadChange } from '../input/load-change.js';
import { statusOf } from '../runs/find-gates.js';
import { outcomeOf, type RunOutcome } from '../runs/outcome.js';
import { startRun } from '../runs/start-run.js';
import { formatCount } from '../schema-change/figures.js';
import { renderReport } from '../schema-change/render-report.js';
import type { Session } from '../session.js';
import { table, wrap, type Terminal } from '../terminal.js';
import { newActId, stepsOf, type ActContext, type ActReport, type Check } from './act.js';
import { OPERATOR, type GateStory } from './decide-gates.js';
import { killMidBackfill, type BackfillKillStory } from './kill-mid-backfill.js';
import { serveUsers, type LoadReport, type ServedUsers } from './replicas.js';
import { makeUsersTable, type SeededRows } from './users-table.js';
import { watchAct } from './watch-act.js';

const ROWS = 100_000;
const REPLICAS = 2;
/** Requests per second. */
const RATE = 50;
/** How every run of this act begins: what an interrupted demo left is known by it. */
const RUN_PREFIX = 'demo-change-';
/** Times of the demo; those of the file, two minutes and a day, would be long to watch. */
const SHORT = { maxLagSeconds: 5, minStableSeconds: 3, coolDown: 5_000 } as const;

/** The file of the change with the times of the demo. Small chunks, so that there is a backfill to look at. */
async function demoChange(root: string): Promise<SchemaChange> {
  const change = await loadChange('examples/schema-changes/users-name-split.yaml', root);
  return {
    ...change,
    spec: {
      ...change.spec,
      gates: { ...SHORT },
      backfill: { ...change.spec.backfill, chunkTarget: 10 },
    },
  };
}

/** `users.name` becomes `first_name` and `last_name` while two replicas of a service serve requests and a worker is killed. */
export async function actSchemaChange(context: ActContext): Promise<ActReport> {
  const { root, stack, session, terminal } = context;
  const { color } = terminal;
  const startedAt = Date.now();
  const databaseUrl = stack.databases['app']?.url ?? '';
  const gatewayUrl = stack.gateway?.url;
  if (gatewayUrl === undefined) throw new CodedError('UpstreamFailed', 'the stack has no gateway');
  const runId = `${RUN_PREFIX}${newActId()}`;
  const change = await demoChange(root);
  const isAfterForce = (await endLeftChanges(session)) > 0;
  await resetFlags(session, change, runId);
  const users = await makeUsersTable({ url: databaseUrl, rows: ROWS, isAfterForce });
  let served: ServedUsers | undefined;
  let isOpen = false;
  try {
    const before = await users.surroundings();
    served = await serveUsers({ root, databaseUrl, gatewayUrl, replicas: REPLICAS, rate: RATE });
    terminal.say(`${color.bold('users.name → first_name, last_name')} under traffic, started by ${OPERATOR}`);
    terminal.say(
      `${formatCount(ROWS)} rows; users-service in ${REPLICAS} replicas at ${RATE} requests/s, flags by the stock OpenFeature SDK`,
    );
    for (const line of wrap(
      `The times are short for the demo: ${SHORT.minStableSeconds} s without a late barrier and ${formatDuration(SHORT.coolDown)} of cool-down, where the file of the change says two minutes and a day.`,
      terminal.width,
      '',
    ))
      terminal.say(color.dim(line));
    await startRun(session, {
      type: 'SchemaChangeWorkflow',
      taskQueue: TASK_QUEUES.migration,
      input: change,
      runId,
      kind: 'demo',
      startedBy: OPERATOR,
    });
    isOpen = true;
    const link = session.uiLink(runId);
    if (link) terminal.say(color.dim(link));

    const { outcome, gates, drama } = await watchAct(context, {
      runId,
      kill: (over) => killMidBackfill({ root, users, signal: over }),
      moment: ({ backfill }) => `in the middle of the backfill, after ${formatCount(backfill.rows)} rows`,
      // Its evidence follows each proof that is taken while it is open.
      keyOf: ({ name }) => name,
    });
    isOpen = outcome === undefined;
    const { kill, back } = await drama;
    const traffic = isOpen ? null : await served.stopLoad();
    const status = await statusOf(session.client, runId);
    const parsed = outcome?.ok ? parse(schemaChangeResultSchema, outcome.result) : null;
    const result = parsed?.ok ? parsed.value : null;
    const checks = isOpen
      ? [{ what: 'the change came to its end', ok: false, seen: 'interrupted' }]
      : checkAct({
          outcome,
          status,
          gates,
          kill,
          back,
          wentOn: await resumedOf(session.store(), runId),
          result,
          traffic,
          rows: await users.count(),
          columns: await users.columns(),
          seeded: result ? await users.seeded() : null,
          left: (await users.surroundings()).filter((what) => !before.includes(what)),
        });
    return {
      act: 'schema-change',
      runId,
      link,
      ok: checks.every((check) => check.ok),
      checks,
      steps: stepsOf(status),
      gates,
      kill: kill ?? null,
      durationMs: Date.now() - startedAt,
      result: outcome?.ok ? outcome.result : null,
      figures: { traffic },
      lines: (at) => reportLines(result, traffic, at),
    };
  } finally {
    // While the services still run: they have to acknowledge the way back.
    if (isOpen) await goBack(session, runId, terminal);
    await served?.close();
    await users.close();
  }
}

function reportLines(result: SchemaChangeResult | null, traffic: LoadReport | null, terminal: Terminal): string[] {
  return [
    ...(result ? renderReport(result, { ok: true, words: 'completed; nothing was left behind' }, terminal) : []),
    ...(traffic
      ? [
          '',
          terminal.color.bold('Traffic'),
          ...table([
            ['  requests', formatCount(traffic.sent), `in ${formatDuration(traffic.durationMs)}`],
            ['  served', formatCount(traffic.served), ''],
            ['  failed', formatCount(traffic.failed), ''],
            ['  read something else than was written', formatCount(traffic.mismatched), ''],
            [
              '  latency',
              `p50 ${traffic.latencyMs.p50} ms`,
              `p99 ${traffic.latencyMs.p99} ms, max ${traffic.latencyMs.max} ms`,
            ],
          ]),
        ]
      : []),
  ];
}

/** Rows after which a killed backfill went on, as its event tells; null: it never did. */
async function resumedOf({ db }: Store, runId: string): Promise<string | null> {
  const events = await readEvents(db, { runId, limit: 10_000 });
  return events.find(({ type }) => type === 'backfill_resumed')?.message ?? null;
}

interface Seen {
  readonly outcome: RunOutcome | undefined;
  readonly status: RunStatus;
  readonly gates: readonly GateStory[];
  readonly kill: BackfillKillStory | undefined;
  readonly back: number | undefined;
  readonly wentOn: string | null;
  readonly result: SchemaChangeResult | null;
  readonly traffic: LoadReport | null;
  readonly rows: number;
  readonly columns: readonly string[];
  readonly seeded: SeededRows | null;
  readonly left: readonly string[];
}

/** Every claim of the act, checked against what database and clients show rather than against what the run says of itself. */
function checkAct(seen: Seen): readonly Check[] {
  const { outcome, status, gates, kill, traffic, result, seeded } = seen;
  const proofs = result?.parity ?? [];
  return [
    {
      what: 'the change succeeded',
      ok: outcome?.ok ?? false,
      seen: outcome === undefined ? 'not finished' : outcome.ok ? 'completed' : `${outcome.code}: ${outcome.message}`,
    },
    {
      what: 'no request failed',
      ok: traffic !== null && traffic.failed === 0 && traffic.served > 1_000,
      seen: traffic
        ? `${traffic.served} served, ${traffic.failed} failed ${traffic.firstFailures[0] ?? ''}`
        : 'no traffic',
    },
    {
      what: 'every read gave what was written last',
      ok: traffic?.mismatched === 0,
      seen: [
        `${traffic?.mismatched ?? 'unknown'} mismatches in ${traffic?.operations['read'] ?? 0} reads`,
        ...(traffic?.mismatches.slice(0, 1).map((first) => `first: ${JSON.stringify(first)}`) ?? []),
      ].join('; '),
    },
    {
      what: 'nobody approved an own run',
      ok: gates.length === 2 && gates.every((gate) => gate.refusal.includes('may not approve')),
      seen: gates.map((gate) => gate.gate).join(', '),
    },
    {
      what: 'the worker was killed mid-backfill and came back',
      ok: kill !== undefined && seen.back !== undefined,
      seen: kill ? `pid ${kill.pid} → ${seen.back ?? 'gone'}` : 'never killed',
    },
    {
      what: 'the backfill went on from its checkpoint',
      ok: seen.wentOn !== null,
      seen: seen.wentOn ?? 'it did not',
    },
    {
      what: 'parity was proved over all rows, and none differed',
      ok: proofs.length >= 5 && proofs.every((proof) => proof.differing === 0 && proof.rows >= ROWS),
      seen: `${proofs.length} proofs of ${ROWS} rows and more`,
    },
    {
      what: 'every row of before holds both names, as they were',
      ok: seeded !== null && seeded.rows === ROWS && seeded.wrong === 0,
      seen: seeded ? `${seeded.rows} rows, ${seeded.wrong} wrong` : 'not looked at',
    },
    {
      what: 'updated_at was touched by the application alone',
      ok: seeded?.touched === 0,
      seen: `${seeded?.touched ?? 'unknown'} rows of before were touched`,
    },
    {
      what: 'the old column is gone, the new ones are there',
      ok: seen.columns.join() === 'id,email,updated_at,first_name,last_name',
      seen: seen.columns.join(', '),
    },
    {
      what: 'nothing was left behind',
      ok: seen.left.length === 0,
      seen: seen.left.length === 0 ? 'no slot, publication, origin, constraint, control row' : seen.left.join(', '),
    },
    {
      what: 'every step is done',
      ok: status.steps.every((step) => step.state === 'done'),
      seen:
        status.steps
          .filter((step) => step.state !== 'done')
          .map((step) => `${step.id} ${step.state}`)
          .join(', ') || `${status.steps.length} steps`,
    },
  ];
}

/** Puts the flags of an earlier demo back to where services of the old shape begin. */
async function resetFlags(session: Session, { spec }: SchemaChange, runId: string): Promise<void> {
  const { db } = session.store();
  const { readFlag: read = '', writeFlag: write = '' } = spec.switch;
  for (const [key, definition] of [
    [read, booleanFlag(0)],
    [write, writeFlag('old')],
  ] as const) {
    if (!(await readFlag(db, key))) continue;
    await setFlag(db, {
      key,
      definition,
      run: { runId, workflowId: runId },
      reason: 'the demo begins anew',
      by: OPERATOR,
      channel: 'demo',
      isRunOpen: (owner) => isWorkflowOpen(session.client, owner),
    });
  }
}

/** How long the way back may take when the demo is interrupted, milliseconds. */
const GO_BACK_MS = 40_000;

/** Takes the change back when the demo ends before it does, so that the next demo meets a clean table. */
async function goBack({ client }: Session, runId: string, terminal: Terminal): Promise<void> {
  terminal.note('interrupted: the change goes back to the old shape first');
  const by = { identity: OPERATOR, channel: 'demo' };
  const ended = sendUpdate(client, runId, 'abort', { reason: 'the demo was interrupted', by })
    .then(() => outcomeOf(client.workflow.getHandle(runId)))
    .then(
      () => true,
      () => false,
    );
  const timer = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), GO_BACK_MS).unref());
  if (!(await Promise.race([ended, timer]))) terminal.note(`${runId} is still open; the next demo ends it`);
}

/** Ends what a demo left that was killed: its services are gone, so nobody could acknowledge an orderly way back. */
async function endLeftChanges({ client }: Session): Promise<number> {
  let count = 0;
  const query = `ExecutionStatus = 'Running' and WorkflowId starts_with '${RUN_PREFIX}'`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    await client.workflow
      .getHandle(workflowId)
      .terminate('a demo that was killed left it')
      .catch(() => undefined);
    count++;
  }
  return count;
}
