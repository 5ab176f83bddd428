import {
  CodedError,
  durationMs,
  parseOrThrow,
  SEARCH_ATTRIBUTES,
  TERRAFORM_REMEDIATIONS,
  WORKFLOW_TYPES,
  type DriftAcknowledgement,
} from '@switchyard/contracts';
import { acknowledgeDrift, listDrift, type KnownDrift } from '@switchyard/store';
import { Option, type Command } from 'commander';
import { randomUUID } from 'node:crypto';
import { action, type Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { keyValues } from '../input/key-values.js';
import { pathArgument } from '../input/path-argument.js';
import { startAndReport } from '../runs/start-run.js';
import { withSession, withStore, type Session } from '../session.js';
import { cut, table } from '../terminal.js';
import { usageError } from '../usage-error.js';
import { sendUpdate } from './decisions.js';

interface CheckOptions {
  readonly workspace?: string;
  readonly var: string[];
  readonly engine?: string;
  readonly remediate?: string;
  readonly approvals?: string;
  readonly wait?: boolean;
  readonly id?: string;
}

interface AcknowledgeOptions {
  readonly for: string;
  readonly reason: string;
}

/** Registers drift check|list|acknowledge. */
export function registerDriftCommands(program: Command): void {
  const drift = program.command('drift').description('find out where Terraform stacks are not as their states say');

  drift
    .command('check')
    .description('compare a stack with its state')
    .argument('<stack>', 'directory of the root module')
    .option('--workspace <name>')
    .option('--var <name=value>', 'input variable (repeatable)', (value: string, all: string[]) => [...all, value], [])
    .option('--engine <engine>', 'terraform or tofu')
    .addOption(
      new Option('--remediate <when>', 'when to apply a stack that has drifted; default never').choices(
        TERRAFORM_REMEDIATIONS,
      ),
    )
    .option('--approvals <n>', 'people who must approve with --remediate approval; default 1')
    .option('--wait', 'follow the run to its end; the exit code tells how it ended')
    .option('--id <id>', 'id of the run; a repeated command with the same id joins it')
    .action(action(check));

  drift
    .command('list')
    .description('stacks that had drifted when they were looked at last')
    .action(
      action((context) =>
        withStore(context.root, async ({ db }) => {
          const { terminal } = context;
          const found = await listDrift(db);
          const rows = found.map(({ acknowledged, ...one }) => [
            terminal.color.bold(nameOf(one)),
            `since ${one.since.slice(0, 19).replace('T', ' ')}`,
            acknowledged
              ? `acknowledged by ${acknowledged.by} until ${acknowledged.until.slice(0, 19).replace('T', ' ')}`
              : terminal.color.yellow('open'),
            cut(one.drifted.map(({ address }) => address).join(', '), 60),
          ]);
          for (const line of table(rows)) terminal.say(line);
          if (found.length === 0) terminal.say('no drift');
          terminal.json(found.map((one) => ({ stack: nameOf(one), ...one })));
          return EXIT.ok.code;
        }),
      ),
    );

  drift
    .command('acknowledge')
    .description('say that a drift is known: for a time nobody is told of it and nothing is done about it')
    .argument('<stack>', 'as `drift list` shows it; the workspace may be left out when it is default')
    .requiredOption('--for <duration>', 'how long, such as 12h or 7d')
    .requiredOption('--reason <text>', 'why')
    .action(action(acknowledge));
}

const PREFIX = 'drift:';
const nameOf = ({ subject }: Pick<KnownDrift, 'subject'>): string => subject.slice(PREFIX.length);

function check(context: Context, stack: string, o: CheckOptions): Promise<number> {
  const { input: schema, taskQueue } = WORKFLOW_TYPES.TerraformDriftWorkflow;
  const input = {
    stack: { path: pathArgument(stack, context.cwd) },
    ...(o.workspace === undefined ? {} : { workspace: o.workspace }),
    ...(o.var.length === 0 ? {} : { vars: keyValues(o.var, '--var') }),
    ...(o.engine === undefined ? {} : { engine: o.engine }),
    ...(o.remediate === undefined ? {} : { remediate: o.remediate }),
    ...(o.approvals === undefined ? {} : { approval: { required: Number(o.approvals) } }),
  };
  parseOrThrow(schema, input, 'TerraformDriftWorkflow input');
  return withSession(context.root, (session) =>
    startAndReport(
      session,
      context.terminal,
      {
        type: 'TerraformDriftWorkflow',
        taskQueue,
        input,
        runId: o.id,
        kind: 'drift',
        startedBy: context.identity,
      },
      { wait: o.wait },
    ),
  );
}

function acknowledge(context: Context, name: string, o: AcknowledgeOptions): Promise<number> {
  const { terminal, identity } = context;
  const ms = durationMs(o.for);
  if (ms === undefined) throw usageError(`--for: "${o.for}" is not a duration; write for example 12h or 7d`);
  return withSession(context.root, async (session) => {
    const { db } = session.store();
    const drift = (await listDrift(db)).find((one) => nameOf(one) === name || nameOf(one) === `${name}:default`);
    if (!drift)
      throw new CodedError('NotFound', `"${name}" has not drifted; \`switchyard drift list\` shows which stacks have`);
    const { subject, digest, runId } = drift;
    const by = { identity, channel: 'cli' };
    const asked = await tellWaitingRun(session, { digest, for: ms, reason: o.reason, by });
    const until = new Date(Date.now() + ms);
    const said = { id: randomUUID(), subject, runId, digest, until, by: identity, channel: 'cli', reason: o.reason };
    // The run that waits has written it down already.
    const acknowledged: DriftAcknowledgement =
      asked === null
        ? await acknowledgeDrift(db, said)
        : { by: identity, reason: o.reason, until: until.toISOString() };
    terminal.say(terminal.color.green(`drift of ${nameOf(drift)} acknowledged until ${acknowledged.until}`));
    if (asked !== null) terminal.say(`  ${asked} waits no more`);
    terminal.json({ stack: nameOf(drift), digest, acknowledged, run: asked });
    return EXIT.ok.code;
  });
}

/** Tells the run that waits for an approval to mend just this drift, if there is one: it ends. @returns its id */
async function tellWaitingRun({ client }: Session, payload: Record<string, unknown>): Promise<string | null> {
  const query = `${SEARCH_ATTRIBUTES.kind} = 'terraform-drift' and ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    try {
      await sendUpdate(client, workflowId, 'acknowledge', payload);
      return workflowId;
    } catch (error) {
      // Of another drift, or over since it was listed.
      if (error instanceof CodedError && (error.code === 'GateFailed' || error.code === 'NotFound')) continue;
      throw error;
    }
  }
  return null;
}
