import { cut, wrap, type Terminal } from '../../terminal.js';
import type { Evidence, Explanation, Link, Wait } from './explanation.js';
import { sinceWords } from './find-waits.js';

type Paint = Pick<Terminal, 'color' | 'width'>;

/** An explanation as lines for people. */
export function renderExplanation(explanation: Explanation, { color, width }: Paint, now: Date): string[] {
  const { cause, compensation, waits, warnings, next, missing } = explanation;
  const title = (text: string): string => color.dim(text);
  const block = (name: string, lines: readonly string[]): string[] => (lines.length > 0 ? [title(name), ...lines] : []);
  const sentence = (text: string, mark = '  '): string[] => wrap(text, width, mark, '    ');
  const paint = cause ? color.red : color.bold;
  return [
    paint(explanation.summary),
    ...(cause
      ? block('why', [
          ...cause.chain.flatMap((link, depth) => renderLink(link, depth, width)),
          ...(cause.activity ? [`    activity ${cause.activity.type}, ${attemptWords(cause.activity.attempts)}`] : []),
        ])
      : []),
    ...(cause
      ? block(
          'what the tools said',
          cause.evidence.flatMap((one) => renderEvidence(one, width)),
        )
      : []),
    ...block(
      'undone',
      compensation.flatMap(({ what, outcome, message }) =>
        sentence(`${outcome === 'undone' ? '↩' : '✗'} ${what}${message ? `: ${message}` : ''}`),
      ),
    ),
    ...block(
      'waits for',
      waits.flatMap((wait) => renderWait(wait, width, now)),
    ),
    ...block(
      'warnings',
      warnings.flatMap((text) => sentence(text)),
    ),
    ...block(
      'what to do',
      next.map((text) => `  ${text}`),
    ),
    ...block(
      'not looked at',
      missing.flatMap((text) => sentence(text)),
    ),
  ];
}

const attemptWords = (attempts: number): string => `${attempts} attempt${attempts === 1 ? '' : 's'}`;

function renderLink({ workflowId, type, step, attempts, code, message }: Link, depth: number, width: number): string[] {
  const indent = '  '.repeat(depth + 1);
  const where = step === null ? '' : `, step "${step}"${attempts > 1 ? `, ${attemptWords(attempts)}` : ''}`;
  return [`${indent}${type} ${workflowId}${where}`, ...wrap(`${code}: ${message}`, width, `${indent}  `)];
}

const renderEvidence = ({ message, attempt, seq }: Evidence, width: number): string[] => [
  `  ${cut(`#${seq} ${message}${attempt > 1 ? ` (attempt ${attempt})` : ''}`, Math.max(20, width - 2))}`,
];

function renderWait({ workflowId, kind, name, since, lines }: Wait, width: number, now: Date): string[] {
  return [
    `  ${kind} ${name}${sinceWords(since, now)}  (${workflowId})`,
    ...lines.flatMap((line) => wrap(line, width, '    ')),
  ];
}
