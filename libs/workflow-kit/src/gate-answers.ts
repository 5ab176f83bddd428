import { misfit, nearestName, type ApprovalPolicy, type Decision } from '@switchyard/contracts';

/** What approvers have answered: defaults, then the answers in the order of the approvals. A later one wins. */
export function answersOf(
  { fields = {} }: Pick<ApprovalPolicy, 'fields'>,
  decisions: readonly Decision[],
): Record<string, unknown> {
  const defaults = Object.entries(fields).flatMap(([name, field]) =>
    field.default === undefined ? [] : [[name, field.default] as const],
  );
  return Object.assign(Object.fromEntries(defaults), ...decisions.map((decision) => decision.fields ?? {})) as Record<
    string,
    unknown
  >;
}

/** Why the answers of an approval cannot be taken, or undefined. What earlier approvers answered need not be repeated. */
export function answerRefusal(
  policy: Pick<ApprovalPolicy, 'fields'>,
  earlier: readonly Decision[],
  decision: Decision,
): string | undefined {
  const { fields = {} } = policy;
  for (const [name, value] of Object.entries(decision.fields ?? {})) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!field) {
      const known = Object.keys(fields);
      const near = nearestName(name, known);
      return `the gate does not ask for "${name}"; ${near ? `did you mean "${near}"?` : known.length > 0 ? `it asks for: ${known.join(', ')}` : 'it asks for nothing'}`;
    }
    const problem = misfit(field, value);
    if (problem !== undefined) return `answer "${name}" ${problem}`;
  }
  const answers = answersOf(policy, [...earlier, decision]);
  const missing = Object.entries(fields).find(([name, field]) => (field.required ?? true) && !(name in answers));
  if (!missing) return undefined;
  const [name, { type, description }] = missing;
  return `the gate asks for "${name}" (${type})${description === undefined ? '' : `: ${description}`}`;
}
