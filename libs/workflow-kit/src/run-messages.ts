import {
  SIGNALS,
  STATUS_QUERY,
  UPDATES,
  childReportSchema,
  parse,
  parseOrThrow,
  progressReportSchema,
  type Decision,
  type Sender,
  type UpdateName,
  type UpdatePayload,
  type UpdateReply,
} from '@switchyard/contracts';
import { defineQuery, defineSignal, defineUpdate, setDefaultSignalHandler, setHandler } from '@temporalio/workflow';
import { nameOf, type Run } from './run.js';

const yes = (message: string): UpdateReply => ({ accepted: true, message });

/** Registers one update: the payload is parsed and a refusal thrown in the synchronous validator, so it leaves no event. */
function onUpdate<N extends UpdateName>(
  name: N,
  refusal: (payload: UpdatePayload<N>) => string | undefined,
  handle: (payload: UpdatePayload<N>) => Promise<UpdateReply>,
): void {
  const read = (given: unknown): UpdatePayload<N> =>
    parseOrThrow(UPDATES[name], given, `update ${name}`) as UpdatePayload<N>;
  setHandler(defineUpdate<UpdateReply, [unknown]>(name), (given) => handle(read(given)), {
    validator: (given) => {
      const reason = refusal(read(given));
      if (reason !== undefined) throw new Error(reason);
    },
  });
}

interface DecisionPayload {
  readonly by?: Sender | undefined;
  readonly reason: string;
  readonly evidence?: string;
  readonly fields?: Record<string, unknown> | undefined;
}

function decisionOf(decision: 'approve' | 'reject', payload: DecisionPayload): Decision {
  const { by, fields } = payload;
  return {
    ...nameOf(by),
    decision,
    reason: payload.reason,
    at: new Date().toISOString(),
    evidence: payload.evidence ?? '',
    ...(fields ? { fields } : {}),
    ...(by?.groups ? { groups: by.groups } : {}),
  };
}

const reasonOf = (payload: unknown): string => {
  const reason =
    typeof payload === 'object' && payload !== null ? (payload as Record<string, unknown>)['reason'] : payload;
  return typeof reason === 'string' ? reason : '';
};

/** Registers the query, updates and signals that every run answers. Must happen before the first await of the workflow. */
export function registerMessages(run: Run): void {
  setHandler(defineQuery(STATUS_QUERY), () => run.status);

  for (const decision of ['approve', 'reject'] as const) {
    onUpdate(
      decision,
      (payload) => run.gates.refusal(payload.gate, decisionOf(decision, payload)),
      async (payload) => {
        await run.gates.take(payload.gate, decisionOf(decision, payload));
        return yes(`${decision} recorded at gate "${payload.gate}"`);
      },
    );
  }
  onUpdate(
    'revoke',
    ({ gate, by }) => run.gates.revokeRefusal(gate, nameOf(by).by),
    async ({ gate, by, reason }) => {
      await run.gates.revoke(gate, { ...nameOf(by), reason, at: new Date().toISOString(), evidence: '' });
      return yes(`the approval of ${nameOf(by).by} at gate "${gate}" is taken back`);
    },
  );
  const audit = (what: string, payload: { by?: Sender | undefined; reason?: string }): Promise<void> =>
    run.audit('run', {
      ...nameOf(payload.by),
      decision: what,
      reason: payload.reason ?? '',
      at: new Date().toISOString(),
      evidence: '',
    });

  onUpdate(
    'pause',
    () => (run.status.pausedBy === null ? undefined : `${run.status.pausedBy} has already paused this run`),
    async (payload) => {
      run.setPaused(nameOf(payload.by).by);
      await audit('pause', payload);
      return yes('the run stops at its next pause point');
    },
  );
  onUpdate(
    'resume',
    () => (run.status.pausedBy === null ? 'the run is not paused' : undefined),
    async (payload) => {
      await audit('resume', payload);
      run.setPaused(null);
      return yes('the run goes on');
    },
  );
  onUpdate(
    'abort',
    () => run.refuseAbort(),
    async (payload) => {
      await audit('abort', payload);
      run.abort({ by: nameOf(payload.by).by, reason: payload.reason });
      return yes('the run ends: programs are stopped, then it reports');
    },
  );
  onUpdate(
    'retry',
    (payload) => run.refuseHeld(payload.step, 'retry'),
    async (payload) => {
      await audit(`retry ${payload.step}`, payload);
      run.decideHeld(payload.step, {
        action: 'retry',
        ...(payload.hosts === undefined ? {} : { hosts: payload.hosts }),
      });
      return yes(`step "${payload.step}" runs again`);
    },
  );
  onUpdate(
    'skip',
    (payload) => run.refuseHeld(payload.step, 'skip'),
    async (payload) => {
      await audit(`skip ${payload.step}`, payload);
      run.decideHeld(payload.step, { action: 'skip' });
      return yes(`step "${payload.step}" is skipped`);
    },
  );

  const bySignal = (reason: string): { by: string; channel: string; reason: string; at: string; evidence: string } => ({
    ...nameOf(undefined),
    channel: 'signal',
    reason,
    at: new Date().toISOString(),
    evidence: '',
  });
  setHandler(defineSignal<[unknown?]>(SIGNALS.pause), async (payload) => {
    if (run.status.pausedBy !== null) return;
    run.setPaused(bySignal('').by);
    await run.audit('run', { ...bySignal(reasonOf(payload)), decision: 'pause' });
  });
  setHandler(defineSignal<[unknown?]>(SIGNALS.resume), async (payload) => {
    if (run.status.pausedBy === null) return;
    await run.audit('run', { ...bySignal(reasonOf(payload)), decision: 'resume' });
    run.setPaused(null);
  });
  setHandler(defineSignal<[unknown?]>(SIGNALS.abort), async (payload) => {
    const refusal = run.refuseAbort();
    if (refusal !== undefined) return run.warn(`signal abort had no effect: ${refusal}`);
    await run.audit('run', { ...bySignal(reasonOf(payload)), decision: 'abort' });
    run.abort({ by: bySignal('').by, reason: reasonOf(payload) });
  });
  setHandler(defineSignal<[unknown]>(SIGNALS.childReport), (given) => {
    const report = parse(childReportSchema, given);
    if (report.ok) run.takeChildReport(report.value);
  });
  setHandler(defineSignal<[unknown]>(SIGNALS.progress), (given) => {
    const report = parse(progressReportSchema, given);
    if (report.ok) run.takeProgress(report.value);
  });
  // Any other signal: the name of a gate approves it, everything else is kept for `wait` steps.
  setDefaultSignalHandler(async (name, payload) => {
    const gate = run.status.gates.find((candidate) => candidate.name === gateOfSignal(name));
    if (!gate) return run.takeSignal(name, payload ?? null);
    const decision: Decision = { ...bySignal(reasonOf(payload)), decision: 'approve', evidence: gate.evidence };
    const refusal = run.gates.refusal(gate.name, decision);
    if (refusal !== undefined) return run.warn(`signal ${name} had no effect: ${refusal}`);
    await run.gates.take(gate.name, decision);
  });
}

/** The gate that a signal approves: its own name, or `approveCutover` for the gate `cutover`. */
function gateOfSignal(signal: string): string {
  const match = /^approve([A-Z]\w*)$/.exec(signal);
  const named = match?.[1];
  return named === undefined ? signal : named.charAt(0).toLowerCase() + named.slice(1);
}
