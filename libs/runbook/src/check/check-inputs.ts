import type { Runbook } from '@switchyard/contracts';
import { misfit, wholeMatch } from '../inputs.js';
import { problemAt, type RunbookProblem } from './problem.js';

/** Declarations of inputs that contradict themselves. */
export function checkInputs(runbook: Runbook): readonly RunbookProblem[] {
  return Object.entries(runbook.inputs).flatMap(([name, input]) => {
    const keys = ['inputs', name] as const;
    if (input.pattern !== undefined) {
      if (input.type !== 'string') return [problemAt([...keys, 'pattern'], `needs type "string", not "${input.type}"`)];
      try {
        wholeMatch(input.pattern);
      } catch (error) {
        return [problemAt([...keys, 'pattern'], error instanceof Error ? error.message : String(error))];
      }
    }
    const wrong = (input.enum ?? []).flatMap((value, i) => {
      const problem = misfit({ ...input, enum: undefined }, value);
      return problem ? [problemAt([...keys, 'enum', i], problem)] : [];
    });
    const problem = input.default === undefined ? undefined : misfit(input, input.default);
    return problem ? [...wrong, problemAt([...keys, 'default'], problem)] : wrong;
  });
}
