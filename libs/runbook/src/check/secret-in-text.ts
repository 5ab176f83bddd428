import type { Runbook } from '@switchyard/contracts';
import { addendsOf, givenBy, inputOf } from '../cel.js';
import { problemAt, type RunbookProblem } from './problem.js';

/**
 * The secret input that an expression makes part of a text. Only its name travels, so the text would hold the name:
 * `Bearer {"$secret":"token"}`.
 * @param isPart whether the expression stands in a longer text
 */
export function secretMadeText(ast: unknown, { inputs }: Pick<Runbook, 'inputs'>, isPart: boolean): string | undefined {
  const isSecret = (name: string): boolean => Object.hasOwn(inputs, name) && inputs[name]?.secret === true;
  return [...(isPart ? givenBy(ast) : []), ...addendsOf(ast).flatMap(givenBy)]
    .map(inputOf)
    .find((name) => name !== undefined && isSecret(name));
}

export function secretProblem(keys: readonly (string | number)[], input: string): RunbookProblem {
  const message = `the secret "${input}" cannot be part of a text: only its name travels, and the worker puts the value where the name is all there is. Write \${{ inputs.${input} }} alone, and keep the whole text as the secret`;
  return { ...problemAt(keys, message), since: 'secret-in-text' };
}
