import {
  CodedError,
  formatProblems,
  nearestName,
  type Problem,
  type Runbook,
  type RunbookInput,
} from '@switchyard/contracts';

/** Why a value does not fit an input, or undefined when it does. */
export function misfit(input: RunbookInput, value: unknown): string | undefined {
  if (!FITS[input.type](value)) return `must be ${article(input.type)}, got ${shown(value)}`;
  if (input.enum && !input.enum.some((allowed) => allowed === value)) {
    return `must be one of ${input.enum.map((allowed) => JSON.stringify(allowed)).join(', ')}, got ${shown(value)}`;
  }
  if (input.pattern !== undefined && typeof value === 'string' && !wholeMatch(input.pattern).test(value)) {
    return `must match ${input.pattern}, got ${shown(value)}`;
  }
  return undefined;
}

/** A pattern that the whole value must match. @throws SyntaxError when it is no regular expression */
export const wholeMatch = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`, 'u');

const FITS: Readonly<Record<RunbookInput['type'], (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  integer: (value) => Number.isSafeInteger(value),
  array: (value) => Array.isArray(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

const article = (type: string): string => (/^[aio]/.test(type) ? `an ${type}` : `a ${type}`);

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

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
