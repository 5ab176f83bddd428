import { CodedError, parseOrThrow, SCHEMA_CHANGE_UPDATES, schemaChangeSchema } from '@switchyard/contracts';
import { formatFileProblem } from '@switchyard/runbook';
import { GAUGES } from '@switchyard/schema-change';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { action, type Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { confirm } from '../input/confirm.js';
import { keyValues } from '../input/key-values.js';
import { readChange } from '../input/load-change.js';
import { approveChange, type ApproveOptions } from '../schema-change/approve-change.js';
import { abortPreviewOf, changeStatus, changeView, reportOfChange } from '../schema-change/find-change.js';
import { CHANGE_GATES } from '../schema-change/gate-state.js';
import { renderAbort } from '../schema-change/render-abort.js';
import { renderChange } from '../schema-change/render-change.js';
import { renderChangeGate } from '../schema-change/render-gate.js';
import { renderReport, type ReportEnd } from '../schema-change/render-report.js';
import { changeOf, planChange, PRESETS, startChange, type ChangeOptions } from '../schema-change/start-change.js';
import { whatNext } from '../schema-change/what-next.js';
import { withSession } from '../session.js';
import { usageError } from '../usage-error.js';
import { sendUpdate } from './decisions.js';

const collect = (value: string, all: string[]): string[] => [...all, value];

/** Options that name a change. */
function changeCommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('-f, --file <change.yaml>', 'the change; it is checked here, with line numbers, before anything is started')
    .addOption(new Option('--preset <name>', 'a change that ships with Switchyard').choices([...PRESETS]))
    .option('--input <json>', 'what differs from the preset');
}

/** Registers schema-change validate|schema|plan|start|status|gates|approve|tune|abort|report. */
export function registerSchemaChangeCommands(program: Command): void {
  const change = program
    .command('schema-change')
    .description('change the shape of a table under traffic: Expand, Backfill, Switch, Contract');

  change
    .command('validate')
    .description('check change files without a database; every problem comes with line and column')
    .argument('<file...>')
    .action(action((context, files: string[]) => validate(context, files)));

  change
    .command('schema')
    .description('the JSON Schema of a change, for editors')
    .action(
      action(async ({ terminal }) => {
        const schema = z.toJSONSchema(schemaChangeSchema, { io: 'input' });
        if (terminal.isJson) terminal.json(schema);
        else terminal.say(JSON.stringify(schema, null, 2));
        return EXIT.ok.code;
      }),
    );

  changeCommand(change, 'plan', 'what a change would do: steps, locks, cost, obstacles with their fixes. Makes nothing')
    .option('--sql', 'show the statements, too')
    .action(
      action(async (context, options: ChangeOptions & { sql?: boolean }) => {
        const checked = await changeOf(options, context.cwd);
        return withSession(context.root, (session) =>
          planChange(session, context, checked, { sql: options.sql ?? false }),
        );
      }),
    );

  changeCommand(change, 'start', 'start a change')
    .option('--id <id>', 'id of the run; a repeated command with the same id joins it')
    .option('--wait', 'follow it to its end; the exit code tells how it ended')
    .action(
      action(async (context, options: ChangeOptions & { id?: string; wait?: boolean }) => {
        const checked = await changeOf(options, context.cwd);
        return withSession(context.root, (session) =>
          startChange(session, context, checked, { id: options.id, wait: options.wait ?? false }),
        );
      }),
    );

  change
    .command('status')
    .description('where a change is, how fast, what holds it up, and what to do next')
    .argument('<run>')
    .action(action((context, runId: string) => showStatus(context, runId)));

  change
    .command('gates')
    .description('both gates: what each requires, what is observed, who decided what')
    .argument('<run>')
    .action(action((context, runId: string) => showGates(context, runId)));

  change
    .command('approve')
    .description('approve the open gate: shows it, asks, and refuses when its evidence has moved meanwhile')
    .argument('<run>')
    .addOption(new Option('--gate <name>', 'default: the gate that waits').choices([...CHANGE_GATES]))
    .option('--evidence <digest>', 'approve only if the gate still shows this, without asking')
    .option('--reason <text>')
    .option('-y, --yes', 'approve what is shown now, without asking')
    .action(
      action((context, runId: string, options: ApproveOptions) =>
        withSession(context.root, (session) => approveChange(session, context, runId, options)),
      ),
    );

  change
    .command('tune')
    .description('change how hard the backfill presses, while it runs')
    .argument('<run>')
    .option('--chunk-target <duration>', 'the longest that a chunk holds row locks, such as 10ms')
    .option('--throttle <name=limit>', `a limit, or off (repeatable): ${GAUGES.join(', ')}`, collect, [])
    .action(
      action((context, runId: string, options: { chunkTarget?: string; throttle: string[] }) =>
        tune(context, runId, options),
      ),
    );

  change
    .command('abort')
    .description('go back to the old shape; shows what that does before it asks')
    .argument('<run>')
    .option('--dry-run', 'only show it')
    .option('--reason <text>', 'needed without --dry-run')
    .option('-y, --yes', 'abort without asking')
    .action(action((context, runId: string, options: AbortOptions) => abort(context, runId, options)));

  change
    .command('report')
    .description('phases with times, the backfill, every proof of parity; also while it runs')
    .argument('<run>')
    .action(action((context, runId: string) => showReport(context, runId)));
}

async function validate({ terminal, cwd }: Context, files: readonly string[]): Promise<number> {
  const read = await Promise.all(files.map(async (file) => ({ file, ...(await readChange(file, cwd)) })));
  for (const { file, problems, change: found } of read) {
    for (const problem of problems) terminal.say(formatFileProblem(problem));
    if (problems.length === 0 && found) terminal.say(`${terminal.color.green('✓')} ${file}: ${found.name}`);
  }
  const isValid = read.every(({ problems, change: found }) => problems.length === 0 && found !== null);
  terminal.json({ valid: isValid, files: read.map(({ file, problems }) => ({ file, problems })) });
  return isValid ? EXIT.ok.code : EXIT.usage.code;
}

const showStatus = ({ root, terminal }: Context, runId: string): Promise<number> =>
  withSession(root, async (session) => {
    const view = await changeView(session, runId);
    for (const line of renderChange(view, new Date(), terminal)) terminal.say(line);
    terminal.json({ ...view, next: whatNext(view.status, runId) });
    return EXIT.ok.code;
  });

const showGates = ({ root, terminal }: Context, runId: string): Promise<number> =>
  withSession(root, async (session) => {
    const { gates } = await changeStatus(session, runId);
    for (const name of CHANGE_GATES) {
      const gate = gates.find((candidate) => candidate.name === name);
      const lines = gate
        ? renderChangeGate(gate, terminal)
        : [`  ${terminal.color.bold(`Gate ${name}`)}: not reached yet`];
      for (const line of lines) terminal.say(line);
      if (gate?.state === 'open')
        terminal.say(terminal.color.cyan(`    switchyard schema-change approve ${runId} --evidence ${gate.evidence}`));
    }
    terminal.json({ runId, gates });
    return EXIT.ok.code;
  });

function tune(
  context: Context,
  runId: string,
  { chunkTarget, throttle }: { readonly chunkTarget?: string; readonly throttle: readonly string[] },
): Promise<number> {
  if (chunkTarget === undefined && throttle.length === 0) throw usageError('name --chunk-target or --throttle');
  const limits = Object.fromEntries(
    Object.entries(keyValues(throttle, '--throttle')).map(([name, value]) => [name, value === 'off' ? null : value]),
  );
  const payload = {
    ...(chunkTarget === undefined ? {} : { chunkTarget }),
    ...(throttle.length === 0 ? {} : { throttle: limits }),
    by: { identity: context.identity, channel: 'cli' },
  };
  parseOrThrow(SCHEMA_CHANGE_UPDATES.tune, payload, 'tune');
  return withSession(context.root, async (session) => {
    await changeStatus(session, runId);
    const reply = await sendUpdate(session.client, runId, 'tune', payload);
    context.terminal.say(reply.message);
    context.terminal.json({ runId, update: 'tune', ...reply });
    return EXIT.ok.code;
  });
}

interface AbortOptions {
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly yes?: boolean;
}

async function abort(context: Context, runId: string, options: AbortOptions): Promise<number> {
  const { terminal, identity } = context;
  const { dryRun = false, reason } = options;
  if (!dryRun && reason === undefined) throw usageError('say why with --reason, or only look with --dry-run');
  return withSession(context.root, async (session) => {
    await changeStatus(session, runId);
    const preview = await abortPreviewOf(session, runId);
    for (const line of renderAbort(preview, terminal)) terminal.say(line);
    if (dryRun) {
      terminal.json({ runId, dryRun: true, preview });
      return preview.possible ? EXIT.ok.code : EXIT.gate.code;
    }
    if (!preview.possible) throw new CodedError('GateFailed', `${runId}: no abort is possible: ${preview.refusal}`);
    if (!(options.yes ?? false)) {
      await confirm(terminal, {
        question: 'Abort?',
        withoutTerminal: 'without a terminal, abort with --yes (`--dry-run` shows what it does)',
        refused: 'not aborted',
      });
    }
    const reply = await sendUpdate(session.client, runId, 'abort', {
      reason: reason ?? '',
      by: { identity, channel: 'cli' },
    });
    terminal.say(reply.message);
    terminal.json({ runId, update: 'abort', ...reply, preview });
    return EXIT.ok.code;
  });
}

const showReport = ({ root, terminal }: Context, runId: string): Promise<number> =>
  withSession(root, async (session) => {
    const { report, outcome } = await reportOfChange(session, runId);
    const end: ReportEnd =
      outcome === null
        ? { ok: null, words: 'under way: what is known by now' }
        : outcome.ok
          ? { ok: true, words: 'completed; nothing was left behind' }
          : { ok: false, words: `${outcome.code}: ${outcome.message}` };
    for (const line of renderReport(report, end, terminal)) terminal.say(line);
    terminal.json({ runId, report, outcome });
    return EXIT.ok.code;
  });
