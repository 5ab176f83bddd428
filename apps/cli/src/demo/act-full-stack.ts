import { formatDuration, type RunStatus } from '@switchyard/contracts';
import { loadRunbook } from '../input/load-runbook.js';
import { startRun } from '../runs/start-run.js';
import { statusOf } from '../runs/find-gates.js';
import { table } from '../terminal.js';
import { newActId, stepsOf, type ActContext, type ActReport, type Check } from './act.js';
import { OPERATOR, type GateStory } from './decide-gates.js';
import { killInTheMiddle, type HostKillStory } from './kill-worker.js';
import { openSite } from './site.js';
import { watchAct } from './watch-act.js';
import { makeWorkspace, readJournals, resetDemoTables } from './workspace.js';

const RELEASE = '1.4.0';

/** Terraform -> approval -> database migration -> Ansible -> health -> notification, with a killed worker in the middle. */
export async function actFullStack(context: ActContext): Promise<ActReport> {
  const { root, stack, session, terminal } = context;
  const { color } = terminal;
  const startedAt = Date.now();
  const id = newActId();
  const workspace = await makeWorkspace(root, id);
  const site = await openSite(workspace.siteRoot);
  try {
    await resetDemoTables(stack.databases['app']?.url ?? '');
    const runbook = await loadRunbook('examples/runbooks/deploy-full-stack.yaml', root);
    const inputs = {
      release: RELEASE,
      project: workspace.project,
      site_root: workspace.siteRoot,
      site_url: site.url,
      notify_url: site.notifyUrl,
      install_seconds: 2,
    };
    const { runId } = await startRun(session, {
      type: 'RunbookWorkflow',
      taskQueue: 'coordinator-queue',
      input: { runbook, inputs },
      runId: `demo-${id}`,
      kind: 'demo',
      startedBy: OPERATOR,
    });
    const link = session.uiLink(runId);
    terminal.say(`${color.bold('Terraform → approval → database → Ansible')}, started by ${OPERATOR}`);
    if (link) terminal.say(color.dim(link));

    const { outcome, gates, drama } = await watchAct(context, {
      runId,
      kill: (over) => killInTheMiddle({ root, store: session.store(), runId, signal: over }),
      moment: (story) => `while hosts are in flight; finished so far: ${story.finishedHosts.join(', ')}`,
      keyOf: ({ evidence }) => evidence,
    });
    const { kill, back } = await drama;
    const status = await statusOf(session.client, runId);
    const checks = await checkAct({
      outcomeOk: outcome?.ok ?? false,
      outcomeSeen: outcome?.ok ? 'successful' : outcome ? `${outcome.code}: ${outcome.message}` : 'not finished',
      status,
      gates,
      kill,
      back,
      notifications: site.notifications.length,
      siteRoot: workspace.siteRoot,
    });
    const steps = stepsOf(status);
    return {
      act: 'full-stack',
      runId,
      link,
      ok: checks.every((check) => check.ok),
      checks,
      steps,
      gates,
      kill: kill ?? null,
      durationMs: Date.now() - startedAt,
      result: outcome?.ok ? outcome.result : null,
      figures: null,
      lines: () =>
        table(steps.map(({ title, state, ms }) => [`  ${title}`, state, ms === null ? '' : formatDuration(ms)])),
    };
  } finally {
    await site.close();
  }
}

interface Seen {
  readonly outcomeOk: boolean;
  readonly outcomeSeen: string;
  readonly status: RunStatus;
  readonly gates: readonly GateStory[];
  readonly kill: HostKillStory | undefined;
  readonly back: number | undefined;
  readonly notifications: number;
  readonly siteRoot: string;
}

/** Every claim of the act, checked against what the outside world shows rather than against what the run says of itself. */
async function checkAct(seen: Seen): Promise<readonly Check[]> {
  const { kill, status, gates } = seen;
  const journals = await readJournals(seen.siteRoot);
  const hosts = Object.keys(journals);
  const repeated = (kill?.finishedHosts ?? []).filter((host) => journals[host] !== 1);
  return [
    { what: 'the run succeeded', ok: seen.outcomeOk, seen: seen.outcomeSeen },
    {
      what: 'every step is done',
      ok: status.steps.every((step) => step.state === 'done'),
      seen: status.steps.map((step) => `${step.id} ${step.state}`).join(', '),
    },
    {
      what: 'nobody approved an own run',
      ok: gates.length === 2 && gates.every((gate) => gate.refusal.includes('may not approve')),
      seen: `${gates.length} gates`,
    },
    {
      what: 'the worker was killed in the middle and came back',
      ok: kill !== undefined && seen.back !== undefined,
      seen: kill ? `pid ${kill.pid} -> ${seen.back ?? 'gone'}` : 'never killed',
    },
    {
      what: 'every host was configured to its end',
      ok: hosts.length === 6 && hosts.every((host) => (journals[host] ?? 0) >= 1),
      seen: JSON.stringify(journals),
    },
    {
      what: 'no finished host ran again',
      ok: kill !== undefined && repeated.length === 0,
      seen:
        repeated.length === 0
          ? `${kill?.finishedHosts.length ?? 0} hosts were finished before the kill`
          : repeated.join(', '),
    },
    { what: 'the notification arrived once', ok: seen.notifications === 1, seen: String(seen.notifications) },
  ];
}
