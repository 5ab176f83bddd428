import { EVENT_LEVELS } from '@switchyard/contracts';
import type { EventLevel } from '@switchyard/store';
import { Option, type Command } from 'commander';
import { action } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { describeRun } from '../runs/describe-run.js';
import { openGates, statusOf } from '../runs/find-gates.js';
import { formatEvent, RAW_LINE } from '../runs/format-event.js';
import { listRuns } from '../runs/list-runs.js';
import { outcomeOf } from '../runs/outcome.js';
import { renderChanges } from '../runs/render-changes.js';
import { renderGate, renderSteps, renderVerdict } from '../runs/render-status.js';
import { HOSTS_TO_RETRY, retryRequest } from '../runs/retry-run.js';
import { runEvents } from '../runs/run-events.js';
import { renderLinks, runLinks } from '../runs/run-links.js';
import { CANCEL_ON_INTERRUPT, reportOutcome, startAndReport } from '../runs/start-run.js';
import { watchRun } from '../runs/watch-run.js';
import { withSession } from '../session.js';
import { cut, table } from '../terminal.js';
import { registerExplainCommand } from './explain.js';
import { registerArtifactCommands } from './artifacts.js';
import { registerExportCommands } from './export.js';
import { registerReplayCommand } from './replay.js';

/** Registers runs list|show|watch|logs|retry|explain|replay|export|verify. */
export function registerRunsCommands(program: Command): void {
  const runs = program.command('runs').description('look at runs');

  runs
    .command('list')
    .description('runs, those that wait for a person first')
    .option('--kind <kind>', 'ansible, terraform, migration or runbook')
    .option('--open', 'only runs that are under way')
    .option('--waiting', 'only runs that wait for somebody or something')
    .option('--limit <n>', 'most runs to show', '30')
    .action(
      action((context, o: { kind?: string; open?: boolean; waiting?: boolean; limit: string }) =>
        withSession(context.root, async ({ client }) => {
          const { terminal } = context;
          const found = await listRuns(client, {
            kind: o.kind,
            open: o.open,
            waiting: o.waiting,
            limit: Math.max(1, Number(o.limit) || 30),
          });
          const rows = found.map((run) => [
            terminal.color.bold(run.runId),
            run.kind,
            run.status.toLowerCase(),
            run.waiting ? terminal.color.yellow(`waits for ${run.waiting}`) : run.phase,
            run.startedAt.slice(0, 19).replace('T', ' '),
            cut(run.target, 50),
          ]);
          for (const line of table(rows)) terminal.say(line);
          if (found.length === 0) terminal.say('no runs');
          terminal.json(found);
          return EXIT.ok.code;
        }),
      ),
    );

  runs
    .command('show')
    .description('one run: steps, gates, and how it ended')
    .argument('<run>')
    .action(
      action((context, runId: string) =>
        withSession(context.root, async (session) => {
          const { terminal } = context;
          const run = await describeRun(session, runId);
          const info = {
            status: run.status.name,
            startedAt: run.startTime.toISOString(),
            closedAt: run.closeTime?.toISOString() ?? null,
            type: run.type,
          };
          const status = await statusOf(session.client, runId);
          const gates = info.status === 'RUNNING' ? await openGates(session.client, runId) : [];
          const outcome = info.status === 'RUNNING' ? null : await outcomeOf(session.client.workflow.getHandle(runId));
          terminal.say(renderVerdict(status, terminal.color));
          for (const line of renderSteps(status, terminal, new Date())) terminal.say(line);
          const links =
            run.type === 'AnsibleWorkflow' ? await runLinks(session, runId) : { retryOf: [], retriedBy: [] };
          for (const line of renderLinks(links, terminal.color)) terminal.say(line);
          if (outcome && run.type === 'AnsibleWorkflow')
            for (const line of renderChanges(outcome, terminal)) terminal.say(line);
          const children = gates.filter((open) => open.workflowId !== runId);
          for (const gate of status.gates) renderGate(gate, runId, terminal).forEach((line) => terminal.say(line));
          for (const open of children)
            renderGate(open.gate, open.workflowId, terminal).forEach((line) => terminal.say(line));
          for (const warning of status.warnings) terminal.say(terminal.color.yellow(`  warning: ${warning}`));
          if (outcome && !outcome.ok) terminal.say(terminal.color.red(`  ${outcome.code}: ${outcome.message}`));
          const link = session.uiLink(runId);
          if (link) terminal.say(terminal.color.dim(`  ${link}`));
          terminal.json({ runId, ...info, ...links, link, view: status, openGates: gates, outcome });
          return EXIT.ok.code;
        }),
      ),
    );

  runs
    .command('retry')
    .description(
      'take a playbook run up again, in a new run on some of its hosts; while it is under way, on those that it has given up',
    )
    .argument('<run>')
    .addOption(
      new Option(
        '--hosts <which>',
        'failed (also those out of reach), unreachable, unfinished (also never started), all',
      )
        .choices(Object.keys(HOSTS_TO_RETRY))
        .default('failed'),
    )
    .option('--wait', 'follow the run to its end; the exit code tells how it ended')
    .option('--cancel-on-interrupt', CANCEL_ON_INTERRUPT)
    .option('--id <id>', 'id of the new run; a repeated command with the same id joins it')
    .action(
      action(
        (
          context,
          runId: string,
          o: { hosts: keyof typeof HOSTS_TO_RETRY; wait?: boolean; cancelOnInterrupt?: boolean; id?: string },
        ) =>
          withSession(context.root, async (session) =>
            startAndReport(
              session,
              context.terminal,
              await retryRequest(session, { runId, hosts: o.hosts, id: o.id, startedBy: context.identity }),
              o,
            ),
          ),
      ),
    );

  runs
    .command('watch')
    .description('follow a run to its end; the exit code tells how it ended')
    .argument('<run>')
    .action(
      action((context, runId: string) =>
        withSession(context.root, async (session) => {
          await describeRun(session, runId);
          const interrupt = new AbortController();
          const onInterrupt = (): void => interrupt.abort();
          process.once('SIGINT', onInterrupt);
          try {
            const outcome = await watchRun({
              client: session.client,
              workflowId: runId,
              terminal: context.terminal,
              signal: interrupt.signal,
            });
            return outcome ? reportOutcome(context.terminal, outcome) : EXIT.interrupted.code;
          } finally {
            process.off('SIGINT', onInterrupt);
          }
        }),
      ),
    );

  runs
    .command('logs')
    .description('the events of a run and of its children, in order')
    .argument('<run>')
    .option('-f, --follow', 'go on until the run has ended')
    .option('--output', 'also what the tools print themselves, line by line; --json always has it')
    .option('--step <id>', 'only this step')
    .option('--after <seq>', 'only events with a higher number', '0')
    .addOption(new Option('--level <level>', 'the quietest level to show').choices([...EVENT_LEVELS]).default('info'))
    .action(
      action(
        (
          context,
          runId: string,
          o: { follow?: boolean; output?: boolean; step?: string; after: string; level: EventLevel },
        ) =>
          withSession(context.root, async (session) => {
            const { terminal } = context;
            const stop = new AbortController();
            const onInterrupt = (): void => stop.abort();
            process.once('SIGINT', onInterrupt);
            try {
              const filter = {
                minLevel: o.level,
                after: Number(o.after) || 0,
                ...(o.step === undefined ? {} : { step: o.step }),
              };
              for await (const event of runEvents(session, {
                runId,
                filter,
                follow: o.follow ?? false,
                signal: stop.signal,
              })) {
                if (terminal.isJson) terminal.json(event);
                else if (o.output || event.type !== RAW_LINE) terminal.say(formatEvent(event, terminal.color));
              }
              return stop.signal.aborted ? EXIT.interrupted.code : EXIT.ok.code;
            } finally {
              process.off('SIGINT', onInterrupt);
            }
          }),
      ),
    );

  registerExplainCommand(runs);
  registerReplayCommand(runs);
  registerArtifactCommands(runs);
  registerExportCommands(runs);
}
