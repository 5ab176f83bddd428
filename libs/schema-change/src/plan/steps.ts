import { columnOf, type Catalog } from '../catalog/catalog.js';
import { showTable, type ObjectNames, type TableName } from '../identifiers.js';
import type { Change } from '../spec/change.js';
import { backfillKeys, backfillPages } from '../sql/backfill.js';
import {
  addConstraint,
  addNotNullCheck,
  dropConstraint,
  dropNotNull,
  setNotNull,
  validateConstraint,
} from '../sql/constraints.js';
import { dropOldColumns } from '../sql/contract.js';
import { addColumns, createPublication, createTarget, dropPublication, grantTarget } from '../sql/expand.js';
import { createIndexConcurrently, createIndexOnParent } from '../sql/indexes.js';
import { parityOfRange } from '../sql/parity.js';
import { rederive } from '../sql/rederive.js';
import type { Shape } from '../sql/shape.js';
import type { Statement } from '../sql/statement.js';
import { NO_COST, type Estimates } from './estimate.js';
import type { PlanStep, TakenLock } from './plan-step.js';

/** All that a plan is made of. */
export interface PlanParts {
  readonly change: Change;
  readonly catalog: Catalog;
  readonly shape: Shape;
  readonly names: ObjectNames;
  readonly estimated: Estimates;
}

/** The steps in the order in which they run. */
export function stepsOf(parts: PlanParts): readonly PlanStep[] {
  return [...expand(parts), ...backfill(parts), ...switchOver(parts), ...contract(parts)];
}

const texts = (...statements: readonly Statement[]): string[] => statements.map(({ text }) => text);

/** A catalog change: 1 ms was measured; a plan says 5. */
const moment = (table: TableName): TakenLock => ({
  mode: 'ACCESS EXCLUSIVE',
  relation: showTable(table),
  hold: 'moment',
  expectedMs: 5,
  blocks: 'everyone',
});

const step = (given: Partial<PlanStep> & Pick<PlanStep, 'id' | 'phase' | 'title'>): PlanStep => ({
  sql: [],
  locks: [],
  reversible: true,
  undo: 'nothing to undo',
  estimate: NO_COST,
  ...given,
});

/** Names of the helper constraints of NOT NULL, one for each column. */
export function notNullConstraint(names: ObjectNames, column: string, place: number): string {
  const slug = column.replaceAll(/[^a-z0-9_]/gi, '_').slice(0, 8);
  return `${names.constraintPrefix}${place}_${slug}`.slice(0, 63);
}

function expand({ change, catalog, shape, names }: PlanParts): PlanStep[] {
  const grants = shape.sameRow ? [] : catalog.grants.map((grant) => grantTarget(shape, grant));
  return [
    step({
      id: 'expand',
      phase: 'Expand',
      title: shape.sameRow
        ? `Add ${shape.columns.map(({ name }) => name).join(', ')} to ${showTable(shape.source)}, nullable`
        : `Make ${showTable(shape.target)}`,
      sql: texts(shape.sameRow ? addColumns(shape) : createTarget(shape), ...grants),
      locks: shape.sameRow ? [moment(shape.source)] : [],
      undo: shape.sameRow ? 'the new columns are dropped' : `${showTable(shape.target)} is dropped`,
    }),
    step({
      id: 'connect',
      phase: 'Expand',
      title:
        change.capture === 'log'
          ? `Make publication and slot ${names.slot}`
          : `Make publication and connector ${names.slot}`,
      sql: texts(createPublication(names.publication, [shape.source])),
      locks: [
        {
          mode: 'SHARE UPDATE EXCLUSIVE',
          relation: showTable(shape.source),
          hold: 'moment',
          expectedMs: 5,
          blocks: 'schema changes',
        },
      ],
      undo: 'slot and publication are dropped',
    }),
  ];
}

function backfill({ change, catalog, shape, estimated }: PlanParts): PlanStep[] {
  const partition = catalog.table?.partitions[0];
  const first =
    change.backfill.by === 'pages'
      ? backfillPages(shape, { from: 0, to: 30 }, partition ? { partition } : {})
      : backfillKeys(shape, { after: null, upTo: null });
  const partitioned = catalog.table?.kind === 'p' && shape.sameRow;
  return [
    step({
      id: 'backfill',
      phase: 'Backfill',
      title: `Derive the new shape of about ${estimated.backfill.rows} rows in chunks of ${change.backfill.chunkTarget} ms`,
      sql: texts(first),
      locks: [
        {
          mode: 'ROW EXCLUSIVE',
          relation: showTable(shape.target),
          hold: 'chunk',
          expectedMs: change.backfill.chunkTarget,
          blocks: 'nothing',
        },
      ],
      undo: 'what was derived goes with the new shape',
      estimate: estimated.backfill,
    }),
    ...change.indexes.map((index) =>
      step({
        id: `index:${index.name}`,
        phase: 'Backfill',
        title: `Build ${index.name} beside the writers`,
        sql: texts(
          partitioned ? createIndexOnParent(shape.target, index) : createIndexConcurrently(shape.target, index),
        ),
        locks: [
          {
            mode: 'SHARE UPDATE EXCLUSIVE',
            relation: showTable(shape.target),
            hold: 'step',
            expectedMs: Math.round(estimated.index.seconds * 1000),
            blocks: 'schema changes',
          },
        ],
        undo: 'the index is dropped',
        estimate: estimated.index,
      }),
    ),
    ...change.constraints.map((constraint) =>
      step({
        id: `constraint:${constraint.name}`,
        phase: 'Backfill',
        title: `Add ${constraint.name} and prove it`,
        sql: texts(addConstraint(shape.target, constraint), validateConstraint(shape.target, constraint.name)),
        locks: [
          moment(shape.target),
          ...(constraint.kind === 'foreignKey'
            ? [
                {
                  mode: 'SHARE ROW EXCLUSIVE' as const,
                  relation: showTable(constraint.references),
                  hold: 'moment' as const,
                  expectedMs: 5,
                  blocks: 'writers' as const,
                },
              ]
            : []),
        ],
        undo: 'the constraint is dropped',
        estimate: estimated.validate,
      }),
    ),
    step({
      id: 'prove',
      phase: 'Backfill',
      title: 'Barrier, then parity over every row',
      sql: texts(parityOfRange(shape, 'derived', { after: null, upTo: null })),
      locks: [
        { mode: 'ACCESS SHARE', relation: showTable(shape.source), hold: 'chunk', expectedMs: 1000, blocks: 'nothing' },
      ],
      estimate: estimated.parity,
    }),
  ];
}

function switchOver({ change, catalog, shape, names, estimated }: PlanParts): PlanStep[] {
  const { readFlag, writeFlag, rollout } = change.switch;
  const relaxed = change.drop.filter((name) => columnOf(catalog, name)?.notNull);
  const notNull = change.notNull.flatMap((column, i) => {
    const constraint = notNullConstraint(names, column, i);
    return [
      addNotNullCheck(shape.target, column, constraint),
      validateConstraint(shape.target, constraint),
      setNotNull(shape.target, column),
      dropConstraint(shape.target, constraint),
    ];
  });
  return [
    step({
      id: 'switch-reads',
      phase: 'Switch',
      title:
        readFlag === undefined
          ? 'Nothing to flip for readers'
          : `Gate cutover, then ${readFlag} to ${rollout.join(', ')} %`,
      undo: 'the read flag goes back to 0 %',
    }),
    step({
      id: 'dual-write',
      phase: 'Switch',
      title: writeFlag === undefined ? 'Nothing to flip for writers' : `${writeFlag} to both; settle; barrier; parity`,
      undo: 'the write flag goes back to old, after NOT NULL is taken from the new columns',
      estimate: estimated.parity,
    }),
    step({
      id: 'enforce',
      phase: 'Switch',
      title: 'Make the new columns NOT NULL by proof, let the old ones be empty',
      sql: texts(...notNull, ...(relaxed.length ? [dropNotNull(shape.source, relaxed)] : [])),
      locks: [...(notNull.length ? [moment(shape.target)] : []), ...(relaxed.length ? [moment(shape.source)] : [])],
      undo: `NOT NULL goes back${relaxed.length ? ` to ${relaxed.join(', ')} by proof` : ''}`,
      estimate: notNull.length ? estimated.validate : NO_COST,
    }),
    step({
      id: 'reverse',
      phase: 'Switch',
      title: [
        shape.reverse.length
          ? 'Turn the stream round: it now keeps the old columns true'
          : 'Turn the stream round: there is nothing old to keep, so it only carries barriers',
        ...(writeFlag === undefined ? [] : [`${writeFlag} tells readers that the new shape is right`]),
      ].join('; '),
      sql: texts(...rederive(shape, { direction: 'reverse', relation: 'consistent', keys: [] })),
      undo: 'the stream is turned back after everything was carried over',
    }),
    step({
      id: 'switch-writes',
      phase: 'Switch',
      title: writeFlag === undefined ? 'Nothing to flip for writers' : `${writeFlag} to new; settle; barrier; parity`,
      undo: 'the write flag goes back to both; the old columns were kept true',
      estimate: estimated.parity,
    }),
  ];
}

function contract({ change, shape, names, estimated }: PlanParts): PlanStep[] {
  const close = step({
    id: 'close',
    phase: 'Contract',
    title: 'Cool-down, gate contract, then the last parity',
    undo: 'the reads go back',
    estimate: estimated.parity,
  });
  const drop = step({
    id: 'drop',
    phase: 'Contract',
    title: change.drop.length ? `Drop ${change.drop.join(', ')}` : 'Nothing to drop',
    sql: change.drop.length ? texts(dropOldColumns(shape, change.drop)) : [],
    locks: change.drop.length ? [moment(shape.source)] : [],
    reversible: change.drop.length === 0,
    undo: change.drop.length ? 'only from a backup' : 'nothing to undo',
  });
  const clean = step({
    id: 'clean',
    phase: 'Contract',
    title: 'Remove slot, publication and control rows, and prove that nothing is left',
    sql: texts(dropPublication(names.publication)),
    reversible: false,
    undo: 'nothing to undo',
  });
  return [close, drop, clean];
}
