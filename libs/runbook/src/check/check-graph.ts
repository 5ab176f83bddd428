import { nearestName, type Runbook } from '@switchyard/contracts';
import { findCycle } from '../graph.js';
import { problemAt, type RunbookProblem } from './problem.js';

/** Ids and order: duplicates, unknown needs, cycles. */
export function checkGraph(runbook: Runbook): readonly RunbookProblem[] {
  const { steps } = runbook;
  const ids = steps.map((step) => step.id);
  const problems: RunbookProblem[] = [];
  for (const [i, step] of steps.entries()) {
    const first = ids.indexOf(step.id);
    if (first < i)
      problems.push(
        problemAt(['steps', i, 'id'], `"${step.id}" is already the id of steps[${first}]; ids must differ`),
      );
    for (const [n, need] of step.needs.entries()) {
      if (ids.includes(need)) continue;
      const near = nearestName(need, ids);
      const hint = near ? `did you mean "${near}"?` : `steps: ${ids.join(', ')}`;
      problems.push(problemAt(['steps', i, 'needs', n], `there is no step "${need}"; ${hint}`));
    }
  }
  const cycle = findCycle(steps);
  if (cycle) {
    const at = ids.indexOf(cycle[0] ?? '');
    problems.push(
      problemAt(
        ['steps', at, 'needs'],
        `the steps wait for each other: ${cycle.join(' -> ')}; remove one of these needs`,
      ),
    );
  }
  return problems;
}
