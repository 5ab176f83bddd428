import { eventRuleInputSchema, type EventRuleResult } from '@switchyard/contracts';
import { runWorkflow } from '@switchyard/workflow-kit';
import { refusedFor } from '../refused.js';
import { ruleInbox } from './rule-inbox.js';
import { FIRE, RuleKeeper, WATCH, type CarriedRule } from './rule-keeper.js';
import { refuseBroken } from './rule-messages.js';

/** What a rule that continues as new hands to itself. */
interface Continued {
  readonly rule: unknown;
  readonly carried: CarriedRule;
}

const isContinued = (given: unknown): given is Continued =>
  typeof given === 'object' && given !== null && 'carried' in given;

/** One event rule for as long as it is in force: takes events or looks at a metric, and starts its runbook. */
export async function EventRuleWorkflow(given: unknown): Promise<EventRuleResult> {
  const carried = isContinued(given) ? given.carried : null;
  return runWorkflow({
    kind: 'event-rule',
    schema: eventRuleInputSchema,
    given: isContinued(given) ? { rule: given.rule } : given,
    what: 'EventRuleWorkflow input',
    // A rule in force stays in force when a release finds more to refuse.
    check: ({ rule }) => refuseBroken(rule, carried ? () => [] : refusedFor),
    describe: ({ rule: { metadata } }) => ({
      title: `Rule ${metadata.name}`,
      target: metadata.name,
      steps: [
        { id: WATCH, title: 'Watch' },
        { id: FIRE, title: 'Fire' },
      ],
    }),
    body: (run, { rule }) => new RuleKeeper(run, rule, ruleInbox, carried).keep(),
  });
}
