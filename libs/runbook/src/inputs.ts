import { CodedError, formatProblems, misfit, nearestName, type Problem, type Runbook } from '@switchyard/contracts';

/**
 * The inputs of a run: what was given, checked against the declarations, and the defaults of the rest.
 * An optional input that was not given is null.
 * @throws CodedError InvalidInput with every problem in the message and in the details
 */
export function resolveInputs(
  runbook: Pick<Runbook, 'inputs' | 'metadata'>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const problems: Problem[] = [];
  const report = (name: string, message: string): void => {
    problems.push({ path: `inputs.${name}`, keys: ['inputs', name], message });
  };
  const declared = Object.keys(runbook.inputs);
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(runbook.inputs, name)) continue;
    const near = nearestName(name, declared);
    const known = declared.length ? `it takes: ${declared.join(', ')}` : 'it takes no inputs';
    report(
      name,
      `runbook "${runbook.metadata.name}" has no input "${name}"; ${near ? `did you mean "${near}"?` : known}`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const [name, input] of Object.entries(runbook.inputs)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (value !== undefined) {
      const problem = misfit(input, value);
      if (problem) report(name, problem);
      values[name] = value;
    } else if (input.default !== undefined) values[name] = input.default;
    else if (input.required ?? true)
      report(name, `is required (${input.type})${input.description ? `: ${input.description}` : ''}`);
    else values[name] = null;
  }
  if (problems.length) throw new CodedError('InvalidInput', formatProblems(problems), { details: { problems } });
  return values;
}
