import { ansibleResultSchema } from '@switchyard/contracts';
import { cut, type Terminal } from '../terminal.js';
import type { RunOutcome } from './outcome.js';

/** What a playbook run with `check` or `diff` changed or would change, host by host; nothing for other runs. */
export function renderChanges(outcome: RunOutcome, { color, width }: Pick<Terminal, 'color' | 'width'>): string[] {
  const changes = ansibleResultSchema.safeParse(outcome.ok ? outcome.result : outcome.details).data?.changes;
  if (changes === undefined) return [];
  const verb = changes.check ? 'would change' : 'changed';
  const hosts = Object.entries(changes.hosts);
  if (hosts.length === 0) return [`  nothing ${changes.check ? 'would change' : 'has changed'}`];
  const paint = (line: string): string =>
    line.startsWith('+') ? color.green(line) : line.startsWith('-') ? color.red(line) : line;
  const lines = hosts.flatMap(([host, all]) => [
    `  ${color.bold(host)} ${verb}`,
    ...all.flatMap(({ task, item, diff }) => [
      cut(`    ${task}${item === undefined ? '' : ` (item ${item})`}`, width),
      ...(diff ?? '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => `      ${paint(cut(line, Math.max(20, width - 6)))}`),
    ]),
  ]);
  const more =
    changes.leftOut === 0 ? [] : [`  and ${changes.leftOut} more changes: switchyard runs logs ${outcome.runId}`];
  return [...lines, ...more];
}
