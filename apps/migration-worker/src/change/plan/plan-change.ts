import type { Problem, RunRef } from '@switchyard/contracts';
import { loadCatalog, loadDefinition, type ChangeSession } from '@switchyard/change-database';
import {
  nullResults,
  objectNames,
  planChange,
  preflight,
  resolveShape,
  type Catalog,
  type Change,
  type Finding,
  type Shape,
} from '@switchyard/schema-change';
import { checkChangeExpressions } from '@switchyard/schema-change/parse';
import { openReplicationSession } from '@switchyard/shared-db';
import { z } from 'zod';
import { tablesOf, type ChangeWork } from '../call.js';
import type { Planned } from '../contract.js';
import { judgeExpressions } from './judge-expressions.js';

/** Looks at the database and says what a change would do there, or what stands in its way. Makes nothing. */
export async function planSchemaChange(
  work: ChangeWork,
  { ref, change }: { readonly ref: RunRef; readonly change: Change },
): Promise<Planned> {
  const names = objectNames(change.name, ref.executionId);
  const replicationAnswers = change.capture === 'log' ? await answersReplication(work) : null;
  return work.open('plan', async (session) => {
    const catalog = await loadCatalog(session, { change, names, replicationAnswers });
    const problems = catalog.table ? await expressionProblems(session, change, catalog) : [];
    const judged = preflight(change, catalog, problems);
    const resolved = resolveShape(change, catalog, ref.executionId);
    const findings = [...judged.obstacles, ...judged.warnings, ...sourceObstacles(change)];
    if (!judged.passed || !resolved.ok || change.capture !== 'log') return { passed: false, findings };
    const nulls = await nullObstacles(session, change, resolved.shape);
    if (nulls.length > 0) return { passed: false, findings: [...findings, ...nulls] };
    return {
      passed: true,
      findings,
      catalog,
      shape: resolved.shape,
      names,
      plan: planChange(change, catalog, resolved.shape),
      definition: await loadDefinition(session, tablesOf(change)),
    };
  });
}

/** Whether the server itself answers: a pooler does not speak the replication protocol. */
async function answersReplication({ connection, signal }: ChangeWork): Promise<boolean> {
  try {
    const session = await openReplicationSession(connection, { applicationName: 'switchyard:preflight' });
    try {
      signal.throwIfAborted();
      await session.query('IDENTIFY_SYSTEM');
      return true;
    } finally {
      await session.end().catch(() => undefined);
    }
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

async function expressionProblems(
  session: ChangeSession,
  change: Change,
  catalog: Catalog,
): Promise<readonly Problem[]> {
  const checked = await checkChangeExpressions(change, catalog);
  if (checked.problems.length > 0) return checked.problems;
  return judgeExpressions(session, { change, catalog, expressions: checked.expressions });
}

function sourceObstacles(change: Change): readonly Finding[] {
  if (change.capture === 'log') return [];
  return [
    {
      level: 'obstacle',
      code: 'slots',
      subject: 'spec.source',
      message: 'This release reads changes from the log itself, not from Kafka.',
      fix: 'Write `source: log`, or leave it out.',
    },
  ];
}

/** Rows shown of those that stand in the way. */
const SHOWN = 3;

/** A column that shall be NOT NULL, and would be NULL in some row: told before hours of backfill. */
async function nullObstacles(session: ChangeSession, change: Change, shape: Shape): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for (const column of change.notNull) {
    // oxlint-disable-next-line no-await-in-loop -- one connection answers one question at a time
    const rows = await session.rows(z.object({ key: z.array(z.string()) }), nullResults(shape, column, SHOWN + 1));
    if (rows.length === 0) continue;
    const keys = rows.slice(0, SHOWN).map(({ key }) => key.join('/'));
    found.push({
      level: 'obstacle',
      code: 'null-result',
      subject: column,
      message: `"${column}" shall be NOT NULL, and its expression gives NULL for ${shape.key.map(({ source }) => source).join(', ')} ${keys.join(', ')}${rows.length > SHOWN ? ' and others' : ''}.`,
      fix: `Give it a value there (coalesce), mend those rows, or take "${column}" from spec.notNull.`,
    });
  }
  return found;
}
