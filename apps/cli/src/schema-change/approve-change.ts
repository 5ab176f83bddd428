import { CodedError, type GateStatus, type RunStatus } from '@switchyard/contracts';
import { sendUpdate } from '../commands/decisions.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { confirm } from '../input/confirm.js';
import type { Session } from '../session.js';
import { changeStatus } from './find-change.js';
import { movedConditions, STILL_UNDECIDED } from './gate-state.js';
import { renderChangeGate } from './render-gate.js';

/** Options of {@link approveChange}. */
export interface ApproveOptions {
  readonly gate?: string;
  readonly evidence?: string;
  readonly reason?: string;
  readonly yes?: boolean;
}

/**
 * Approves the open gate in two steps: shows it, asks, and looks again. An approval is for the evidence that was shown;
 * when that has become another meanwhile, it is refused here with what has moved, and by the run in any case.
 */
export async function approveChange(
  session: Session,
  { terminal, identity }: Context,
  runId: string,
  options: ApproveOptions,
): Promise<number> {
  const shown = gateToDecide(runId, await changeStatus(session, runId), options.gate);
  for (const line of renderChangeGate(shown, terminal)) terminal.say(line);
  if (shown.state !== 'open') throw new CodedError('GateFailed', `${runId}: ${whyClosed(shown)}`);
  if (options.evidence !== undefined && options.evidence !== shown.evidence) {
    throw new CodedError(
      'GateFailed',
      `${runId}: gate ${shown.name} shows ${shown.evidence} now, not ${options.evidence}; look again, then decide`,
    );
  }
  if (options.evidence === undefined && !(options.yes ?? false)) {
    await confirm(terminal, {
      question: `Approve gate ${shown.name} with this evidence?`,
      withoutTerminal: 'without a terminal, approve with --evidence <digest> (`schema-change gates` shows it) or --yes',
      refused: 'not approved',
    });
    const now = gateToDecide(runId, await changeStatus(session, runId), shown.name);
    const moved = movedConditions(shown, now);
    if (moved.length > 0) {
      throw new CodedError(
        'GateFailed',
        `${runId}: what was shown is no longer so, nothing was approved: ${moved.join('; ')}`,
      );
    }
  }
  const reply = await sendUpdate(session.client, runId, 'approve', {
    gate: shown.name,
    evidence: shown.evidence,
    reason: options.reason ?? '',
    by: { identity, channel: 'cli' },
  });
  terminal.say(terminal.color.green(`${reply.message}, by ${identity}`));
  terminal.json({ runId, gate: shown.name, evidence: shown.evidence, decision: 'approve', by: identity });
  return EXIT.ok.code;
}

/** The gate that a person means: by name, else the one that is still to be decided. @throws GateFailed */
function gateToDecide(runId: string, { gates, phase }: RunStatus, name: string | undefined): GateStatus {
  const gate = gates.find((one) => (name === undefined ? STILL_UNDECIDED.has(one.state) : one.name === name));
  if (gate) return gate;
  const known = gates.map((one) => `${one.name} ${one.state}`).join(', ');
  throw new CodedError(
    'GateFailed',
    `${runId}: ${name === undefined ? 'no gate waits for a decision' : `gate ${name} has not been reached`} (phase ${phase}${known === '' ? '' : `; ${known}`})`,
  );
}

function whyClosed({ name, state, conditions }: GateStatus): string {
  if (!STILL_UNDECIDED.has(state)) return `gate ${name} is ${state} already`;
  const failing = conditions.filter((condition) => condition.state !== 'pass');
  const words = failing.map((one) => `${one.name} ${one.state}: required ${one.required}, observed ${one.observed}`);
  return `gate ${name} is closed: ${words.join('; ') || 'nothing was seen yet'}`;
}
