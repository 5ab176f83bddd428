import { wrap, type Terminal } from '../terminal.js';

/** What is shown of an abort, as the run computes it. */
export interface ShownAbort {
  readonly possible: boolean;
  readonly refusal: string;
  readonly actions: readonly { readonly title: string }[];
  readonly restored: readonly string[];
  readonly lost: readonly string[];
}

/** What an abort would do, in order; what will be as it was; what cannot be brought back. */
export function renderAbort(preview: ShownAbort, { color, width }: Pick<Terminal, 'color' | 'width'>): string[] {
  if (!preview.possible) {
    return wrap(
      `${color.red('No abort is possible.')} ${preview.refusal || 'The point of no return has passed.'}`,
      width,
      '  ',
    );
  }
  const list = (items: readonly string[], empty: string): string[] =>
    items.length === 0 ? [`    ${empty}`] : items.flatMap((item) => wrap(`- ${item}`, width, '    ', '      '));
  return [
    color.bold('  An abort now would'),
    ...(preview.actions.length === 0
      ? ['    end the run; nothing has been made yet']
      : preview.actions.flatMap(({ title }, i) => wrap(`${i + 1}. ${title}`, width, '    ', '       '))),
    color.bold('  Restored'),
    ...list(preview.restored, 'nothing was changed'),
    color.bold('  Lost'),
    ...list(preview.lost, 'nothing'),
  ];
}
