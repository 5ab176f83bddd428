import { dirname, relative, resolve } from 'node:path';
import type { EventRule } from '@switchyard/contracts';
import { parseEventRuleYaml, type FileProblem } from '@switchyard/runbook';
import { readGivenFile, refusedFile } from './given-file.js';
import { readRunbook } from './load-runbook.js';

/** A rule file with every problem found in it, and in the runbook file that it names. */
export interface ReadRule {
  /** Null when the rule, or its runbook, is none at all. */
  readonly rule: EventRule | null;
  readonly problems: readonly FileProblem[];
}

/** Reads and checks a rule file, and the runbook file that it names. @throws NotFound when one cannot be read */
export async function readRule(file: string, cwd: string): Promise<ReadRule> {
  const text = await readGivenFile('event rule', file, cwd);
  const parsed = parseEventRuleYaml(text, file);
  if (!parsed.rule) return { rule: null, problems: parsed.problems };
  const { runbook } = parsed.rule;
  if (typeof runbook !== 'string') return { rule: { ...parsed.rule, runbook }, problems: parsed.problems };
  // The path counts from the place of the rule; messages show it from where the command was called.
  const path = relative(cwd, resolve(cwd, dirname(file), runbook));
  const book = await readRunbook(path, cwd);
  if (!book.runbook) return { rule: null, problems: [...parsed.problems, ...book.problems] };
  const { rule, problems } = parsed.withRunbook(book.runbook);
  return { rule, problems: [...parsed.problems, ...problems, ...book.problems] };
}

/** A rule that can be applied. @throws InvalidInput with every problem, each with line and column */
export async function loadRule(file: string, cwd: string): Promise<EventRule> {
  const { rule, problems } = await readRule(file, cwd);
  const errors = problems.filter((problem) => problem.level === 'error');
  if (errors.length > 0 || !rule) {
    throw refusedFile(`${file} cannot be applied`, errors, problems);
  }
  return rule;
}
