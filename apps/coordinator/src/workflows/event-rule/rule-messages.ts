import {
  CodedError,
  EVENT_RULE_QUERIES,
  EVENT_RULE_UPDATES,
  formatProblems,
  parseOrThrow,
  type EventRule,
  type EventRuleStatus,
  type Sender,
  type UpdateReply,
} from '@switchyard/contracts';
import { checkEventRule, type RunbookProblem } from '@switchyard/runbook';
import { digestOf, nameOf, type Run } from '@switchyard/workflow-kit';
import { defineQuery, defineUpdate, setHandler } from '@temporalio/workflow';

/** What the messages of a rule ask of its keeper. */
export interface RuleDesk {
  readonly rule: EventRule;
  status(): EventRuleStatus;
  apply(rule: EventRule): void;
  delete(): void;
}

/** Registers what an event rule answers beside every run. Must happen before the first await of the workflow. */
export function registerRuleMessages(run: Run, desk: RuleDesk): void {
  setHandler(defineQuery(EVENT_RULE_QUERIES.rule), () => desk.status());

  const audit = (decision: string, by: Sender | undefined, reason: string, evidence = ''): Promise<void> =>
    run.audit('rule', { ...nameOf(by), decision, reason, at: new Date().toISOString(), evidence });

  const readApply = (given: unknown) => parseOrThrow(EVENT_RULE_UPDATES.apply, given, 'update apply');
  setHandler(
    defineUpdate<UpdateReply, [unknown]>('apply'),
    async (given) => {
      const { rule, by } = readApply(given);
      const digest = digestOf(rule);
      const isSame = digest === digestOf(desk.rule);
      if (!isSame) {
        desk.apply(rule);
        await audit('apply', by, '', digest);
      }
      const { name } = rule.metadata;
      return { accepted: true, message: isSame ? `rule "${name}" is in force already` : `rule "${name}" is in force` };
    },
    {
      validator: (given) => {
        const { rule } = readApply(given);
        if (rule.metadata.name !== desk.rule.metadata.name) {
          throw new Error(`this is rule "${desk.rule.metadata.name}", not "${rule.metadata.name}"`);
        }
        refuseBroken(rule);
      },
    },
  );

  const readDelete = (given: unknown) => parseOrThrow(EVENT_RULE_UPDATES.delete, given, 'update delete');
  setHandler(
    defineUpdate<UpdateReply, [unknown]>('delete'),
    async (given) => {
      const { reason, by } = readDelete(given);
      await audit('delete', by, reason);
      desk.delete();
      return { accepted: true, message: `rule "${desk.rule.metadata.name}" ends; runs that it has started go on` };
    },
    { validator: (given) => void readDelete(given) },
  );
}

const errorsAmong = (problems: readonly RunbookProblem[]): readonly RunbookProblem[] =>
  problems.filter(({ level }) => level === 'error');

/**
 * Refuses a rule that could never fire right, with every problem at once.
 * @param among the problems that count; default: all errors
 * @throws CodedError InvalidInput
 */
export function refuseBroken(rule: EventRule, among = errorsAmong): void {
  const problems = among(checkEventRule(rule));
  if (problems.length === 0) return;
  throw new CodedError('InvalidInput', `event rule "${rule.metadata.name}": ${formatProblems(problems)}`, {
    details: { problems },
  });
}
