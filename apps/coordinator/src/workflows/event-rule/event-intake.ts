import { EVENT_RULE_SIGNALS, type WorkflowType } from '@switchyard/contracts';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { workflowInfo, type ActivateInput, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { ruleInbox, UnreadableEvent } from './rule-inbox.js';

const RULE: WorkflowType = 'EventRuleWorkflow';

/**
 * Takes the events of a rule to its inbox all at once. A handler of the signal would do the same for one after the other,
 * each through interceptors, scopes and promises whose stacks are kept: 0.2 ms of a processor per event. A storm comes as
 * one workflow task, and one that runs for five seconds is ended and tried again, for ever (docs/decisions/0025).
 */
export const interceptors: WorkflowInterceptorsFactory = () =>
  workflowInfo().workflowType === RULE
    ? {
        internals: [
          {
            activate: (input, next) => {
              takeEvents(input);
              next(input);
            },
          },
        ],
      }
    : {};

function takeEvents({ activation }: ActivateInput): void {
  activation.jobs = (activation.jobs ?? []).filter(({ signalWorkflow }) => {
    if (signalWorkflow?.signalName !== EVENT_RULE_SIGNALS.event) return true;
    ruleInbox.add(payloadOf(signalWorkflow.input?.[0]));
    return false;
  });
}

function payloadOf(sent: Payload | undefined): unknown {
  if (!sent) return undefined;
  try {
    return defaultPayloadConverter.fromPayload(sent);
  } catch (error) {
    // Thrown on it would fail the workflow task, which is tried again, for ever.
    return new UnreadableEvent(error instanceof Error ? error.message : String(error));
  }
}
