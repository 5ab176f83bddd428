import { formatDuration, type ParityProof, type SchemaChangeResult } from '@switchyard/contracts';
import { table, wrap, type Terminal } from '../terminal.js';
import { formatCount } from './figures.js';

type Paint = Pick<Terminal, 'color' | 'width'>;

/** How a run stands to whose report it is. */
export interface ReportEnd {
  readonly ok: boolean | null;
  readonly words: string;
}

/** The result of a change for people: phases with times, the backfill, every proof, what was left behind. */
export function renderReport(report: SchemaChangeResult, end: ReportEnd, paint: Paint): string[] {
  const { color, width } = paint;
  const { change, table: of, database, runId, durationMs, backfill, parity, streamRows, warnings } = report;
  const verdict =
    end.ok === true ? color.green(end.words) : end.ok === false ? color.red(end.words) : color.yellow(end.words);
  const done = report.phases.filter(({ steps }) => steps.length > 0);
  return [
    `${color.bold(change)}: ${of} in ${database}`,
    ...wrap(verdict, width, '  '),
    color.dim(`  run ${runId}, ${formatDuration(durationMs)}`),
    ...(report.planDigest === '' ? [] : [color.dim(`  plan ${report.planDigest}`)]),
    ...done.flatMap(({ phase, durationMs: took, steps }) => [
      '',
      `${color.bold(phase)}  ${formatDuration(took)}`,
      ...table(
        steps.map(({ title, durationMs: ms, startedAt }) => [
          `  ${title}`,
          formatDuration(ms),
          color.dim(startedAt.slice(11, 19)),
        ]),
      ),
    ]),
    '',
    color.bold('Rows'),
    ...(backfill
      ? wrap(
          `backfill: ${formatCount(backfill.rows)} rows in ${formatCount(backfill.chunks)} chunks, ${formatCount(backfill.rowsPerSecond)} rows/s; the longest chunk ${formatDuration(backfill.longestChunkMs)}, held up for ${formatDuration(backfill.throttledMs)}`,
          width,
          '  ',
          '    ',
        )
      : ['  no backfill was done']),
    ...(streamRows > 0 ? [`  stream: ${formatCount(streamRows)} rows`] : []),
    '',
    color.bold('Proofs of parity, over all rows'),
    ...(parity.length === 0 ? ['  none was taken'] : table(parity.map((proof) => proofRow(proof, color)))),
    ...(warnings.length > 0 ? ['', color.bold('Warnings')] : []),
    ...warnings.flatMap((warning) => wrap(warning, width, '  ', '    ')),
  ];
}

function proofRow(
  { rows, differing, relation, startedAt, endedAt, barrier }: ParityProof,
  color: Paint['color'],
): string[] {
  return [
    `  ${differing === 0 ? color.green('✓') : color.red('✗')} ${formatCount(rows)} rows`,
    differing === 0 ? 'none differs' : color.red(`${formatCount(differing)} differ`),
    relation,
    formatDuration(Date.parse(endedAt) - Date.parse(startedAt)),
    color.dim(`barrier ${barrier}`),
  ];
}
