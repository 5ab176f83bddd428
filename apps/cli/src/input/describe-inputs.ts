import type { Runbook, RunbookInput } from '@switchyard/contracts';

/** An input of a runbook for programs: its declaration, with what is left out there filled in. */
export type InputView = Omit<RunbookInput, 'required' | 'secret'> & {
  readonly name: string;
  readonly required: boolean;
  readonly secret: boolean;
};

/** The inputs of a runbook, in the order of the file. */
export function inputViews({ inputs }: Pick<Runbook, 'inputs'>): readonly InputView[] {
  return Object.entries(inputs).map(([name, input]) => ({
    ...input,
    name,
    required: input.required ?? input.default === undefined,
    secret: input.secret ?? false,
  }));
}

/** The cells of an input in a table for people: name, type, default, what is allowed, description. */
export function inputCells(input: InputView): readonly string[] {
  const given = input.default === undefined ? (input.required ? 'required' : 'null') : JSON.stringify(input.default);
  return [input.name, input.secret ? 'secret' : input.type, given, allowed(input), input.description ?? ''];
}

function allowed({ type, enum: choices, pattern, min, max }: InputView): string {
  const unit = type === 'string' ? ' characters' : type === 'array' ? ' items' : '';
  return [
    ...(choices ? [choices.map((choice) => JSON.stringify(choice)).join(', ')] : []),
    ...(pattern === undefined ? [] : [`matches ${pattern}`]),
    ...(min === undefined ? [] : [`at least ${min}${unit}`]),
    ...(max === undefined ? [] : [`at most ${max}${unit}`]),
  ].join('; ');
}
