import {
  CodedError,
  type EVENT_RULE_UPDATES,
  type SCHEMA_CHANGE_UPDATES,
  type TERRAFORM_DRIFT_UPDATES,
  type UpdateName,
  type UpdateReply,
} from '@switchyard/contracts';
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import type { Command } from 'commander';
import { action, type Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { confirm } from '../input/confirm.js';
import { keyValues, textAmong } from '../input/key-values.js';
import { chooseGate, openGates } from '../runs/find-gates.js';
import { renderGate } from '../runs/render-status.js';
import { withSession } from '../session.js';

/** Sends an update to a run. A refusal is GateFailed with the reason that the run gave. */
export async function sendUpdate(
  client: Client,
  workflowId: string,
  name:
    | UpdateName
    | keyof typeof SCHEMA_CHANGE_UPDATES
    | keyof typeof EVENT_RULE_UPDATES
    | keyof typeof TERRAFORM_DRIFT_UPDATES,
  payload: Record<string, unknown>,
): Promise<UpdateReply> {
  try {
    return await client.workflow.getHandle(workflowId).executeUpdate<UpdateReply, [unknown]>(name, { args: [payload] });
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      throw new CodedError('GateFailed', `${workflowId} refuses ${name}: ${error.cause?.message ?? error.message}`, {
        cause: error,
      });
    }
    if (error instanceof WorkflowNotFoundError) {
      throw new CodedError(
        'NotFound',
        `run "${workflowId}" does not exist or has ended; \`switchyard runs list\` shows those that are known`,
        { cause: error },
      );
    }
    throw error;
  }
}

interface GateOptions {
  readonly gate?: string;
  readonly evidence?: string;
  readonly reason?: string;
  readonly field?: readonly string[];
  readonly yes?: boolean;
}

const collect = (value: string, all: string[]): string[] => [...all, value];

async function decide(
  context: Context,
  runId: string,
  what: 'approve' | 'reject',
  options: GateOptions,
): Promise<number> {
  const { terminal } = context;
  const { field: fields = [] } = options;
  return withSession(context.root, async ({ client }) => {
    const gates = await openGates(client, runId).catch((cause: unknown) => {
      throw new CodedError(
        'NotFound',
        `run "${runId}" does not answer: it does not exist, or its worker is not running`,
        { cause },
      );
    });
    const choice = chooseGate(gates, options.gate);
    if ('problem' in choice) throw new CodedError('GateFailed', `${runId}: ${choice.problem}`);
    const { gate, workflowId } = choice.chosen;
    const answers = keyValues(fields, '--field', textAmong(gate.fields ?? {}));
    for (const line of renderGate(gate, workflowId, terminal)) terminal.say(line);
    // Nobody approves by accident: a person says yes to what was just shown, a script names the evidence.
    if (what === 'approve' && options.evidence === undefined && !(options.yes ?? false)) {
      await confirm(terminal, {
        question: 'Approve this?',
        withoutTerminal: 'without a terminal, approve with --evidence <digest> (as shown above) or --yes',
        refused: 'not approved',
      });
    }
    const by = { identity: context.identity, channel: 'cli' };
    const reply = await sendUpdate(client, workflowId, what, {
      gate: gate.name,
      reason: options.reason ?? '',
      by,
      ...(what === 'approve' ? { evidence: options.evidence ?? gate.evidence } : {}),
      ...(fields.length > 0 ? { fields: answers } : {}),
    });
    terminal.say(terminal.color.green(`${reply.message}, by ${context.identity}`));
    terminal.json({
      runId,
      workflowId,
      gate: gate.name,
      evidence: gate.evidence,
      decision: what,
      by: context.identity,
    });
    return EXIT.ok.code;
  });
}

function message(context: Context, runId: string, name: UpdateName, payload: Record<string, unknown>): Promise<number> {
  return withSession(context.root, async ({ client }) => {
    const reply = await sendUpdate(client, runId, name, {
      ...payload,
      by: { identity: context.identity, channel: 'cli' },
    });
    context.terminal.say(reply.message);
    context.terminal.json({ runId, update: name, ...reply });
    return EXIT.ok.code;
  });
}

/** Registers approve, reject, revoke, pause, resume, abort, retry and skip. */
export function registerDecisionCommands(program: Command): void {
  program
    .command('approve')
    .description('approve what the open gate of a run shows')
    .argument('<run>')
    .option('--gate <name>', 'needed when several gates are open')
    .option('--evidence <digest>', 'approve only if the gate still shows this')
    .option('--reason <text>')
    .option('--field <name=value>', 'an answer that the gate asks for (repeatable)', collect, [])
    .option('-y, --yes', 'approve what is shown now, without asking')
    .action(action((context, runId: string, options: GateOptions) => decide(context, runId, 'approve', options)));

  program
    .command('reject')
    .description('reject what the open gate of a run shows')
    .argument('<run>')
    .option('--gate <name>')
    .requiredOption('--reason <text>')
    .action(action((context, runId: string, options: GateOptions) => decide(context, runId, 'reject', options)));

  program
    .command('revoke')
    .description('take your approval back, until what it lets through begins')
    .argument('<run>')
    .requiredOption('--gate <name>')
    .requiredOption('--reason <text>')
    .action(
      action((context, runId: string, { gate, reason }: { gate: string; reason: string }) =>
        message(context, runId, 'revoke', { gate, reason }),
      ),
    );

  for (const [name, description] of [
    ['pause', 'stop a run at its next pause point'],
    ['abort', 'end a run: stop its programs, undo what its runbook says, report'],
  ] as const) {
    program
      .command(name)
      .description(description)
      .argument('<run>')
      .requiredOption('--reason <text>')
      .action(
        action((context, runId: string, options: { reason: string }) =>
          message(context, runId, name, { reason: options.reason }),
        ),
      );
  }

  program
    .command('resume')
    .description('let a paused run go on')
    .argument('<run>')
    .action(action((context, runId: string) => message(context, runId, 'resume', {})));

  program
    .command('retry')
    .description('run a held step again')
    .argument('<run>')
    .argument('<step>')
    .action(action((context, runId: string, step: string) => message(context, runId, 'retry', { step })));

  program
    .command('skip')
    .description('go on without a held step')
    .argument('<run>')
    .argument('<step>')
    .requiredOption('--reason <text>')
    .action(
      action((context, runId: string, step: string, options: { reason: string }) =>
        message(context, runId, 'skip', { step, reason: options.reason }),
      ),
    );
}
