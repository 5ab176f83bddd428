import type { GateStatus } from '@switchyard/contracts';
import type { Terminal } from '../terminal.js';

/** Who may decide, where the policy names groups, and when a further group is asked. */
export function renderPeople(
  { groups = [], escalatesAt, escalatedAt }: GateStatus,
  { color }: Pick<Terminal, 'color'>,
): string[] {
  const lines = groups.map(({ name, members, required, approvals, isFurther }) => {
    const people = members.length > 0 ? ` (${members.join(', ')})` : '';
    const line = `    group ${name}${people}: ${approvals} of ${required} approved`;
    return isFurther ? color.yellow(`${line}, escalated to at ${escalatedAt ?? ''}`) : line;
  });
  const isAhead = (escalatesAt ?? null) !== null && (escalatedAt ?? null) === null;
  return isAhead ? [...lines, color.dim(`    escalates at ${escalatesAt ?? ''}`)] : lines;
}

/** What approvers must answer, with the answers so far. */
export function renderFields({ fields = {}, answers = {} }: GateStatus): string[] {
  return Object.entries(fields).map(([name, { type, enum: choices, description }]) => {
    const answer = name in answers ? ` = ${JSON.stringify(answers[name])}` : '';
    const words = [choices?.join(' | ') ?? type, description].filter(Boolean).join('; ');
    return `    field ${name}${answer} (${words})`;
  });
}

/** Options of `approve` for what is asked and has no answer yet. */
export const missingFields = ({ fields = {}, answers = {} }: GateStatus): string =>
  Object.entries(fields)
    .filter(([name, field]) => (field.required ?? true) && !(name in answers))
    .map(([name]) => ` --field ${name}=...`)
    .join('');
