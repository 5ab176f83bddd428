import { eventRuleFileSchema, parse, type EventRule, type EventRuleFile, type Runbook } from '@switchyard/contracts';
import { readYaml } from '@switchyard/yaml-file';
import type { RunbookProblem } from '../check/problem.js';
import { asError, type FileProblem } from '../file-problem.js';
import { checkEventRule, checkRuleExpressions, checkRuleInputs } from './check-event-rule.js';

/** A rule as its file gives it. It may be applied when no problem has the level `error`. */
export type ParsedEventRule =
  | { readonly rule: null; readonly problems: readonly FileProblem[] }
  | {
      readonly rule: EventRuleFile;
      readonly problems: readonly FileProblem[];
      /** The rule with the runbook that its path names, and what does not fit between the two. */
      readonly withRunbook: (runbook: Runbook) => {
        readonly rule: EventRule;
        readonly problems: readonly FileProblem[];
      };
    };

/** Reads an event rule from YAML (or JSON) and checks all of it. Never throws: every problem has its line and column. */
export function parseEventRuleYaml(text: string, fileName: string): ParsedEventRule {
  const read = readYaml(text, fileName);
  if (!read.ok) return { rule: null, problems: read.problems.map(asError) };
  const parsed = parse(eventRuleFileSchema, read.value);
  if (!parsed.ok) return { rule: null, problems: parsed.problems.map((problem) => asError(read.place(problem))) };
  const rule = parsed.value;
  const { runbook } = rule;
  const problems = typeof runbook === 'string' ? checkRuleExpressions(rule) : checkEventRule({ ...rule, runbook });
  const placed = (problem: RunbookProblem): FileProblem => ({ ...read.place(problem), level: problem.level });
  return {
    rule,
    problems: problems.map(placed),
    withRunbook: (given) => ({
      rule: { ...rule, runbook: given },
      problems: checkRuleInputs(rule, given).map(placed),
    }),
  };
}
