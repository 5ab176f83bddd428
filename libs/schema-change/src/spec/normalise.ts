import { formatPath, type Problem, type SchemaChange } from '@switchyard/contracts';
import { readTableName, type TableName } from '../identifiers.js';
import type { Change, ChangeConstraint, ChangeTarget, DerivedColumn, Place, ReversedColumn } from './change.js';
import { checkChange } from './check.js';
import { expandPreset, type Expansion } from './presets.js';

/** What normalising a spec gave. Problems have the place where the spec is to be mended. */
export type Normalised =
  { readonly ok: true; readonly value: Change } | { readonly ok: false; readonly problems: readonly Problem[] };

const problemAt = (keys: Place, message: string): Problem => ({ keys: [...keys], path: formatPath(keys), message });

/** Brings a parsed spec into its normal form, or says everything that is wrong with it. Never throws. */
export function normaliseChange(written: SchemaChange): Normalised {
  const { spec } = written;
  const problems: Problem[] = [];
  const table = (text: string, at: Place): TableName => {
    const read = readTableName(text);
    if ('table' in read) return read.table;
    problems.push(problemAt(at, read.problem));
    return { schema: '', name: '' };
  };

  const parts = partsOf(written);
  const targets = parts.flatMap(({ at, given }) =>
    given.target ? [{ at: [...at, 'target'], given: given.target }] : [],
  );
  const [chosen, ...tooMany] = targets;
  for (const { at } of tooMany) problems.push(problemAt(at, 'only one new table can be made by one change'));
  const target: ChangeTarget | null = chosen
    ? {
        table: table(chosen.given.table, [...chosen.at, 'table']),
        key: chosen.given.key,
        where: chosen.given.where ?? null,
      }
    : null;

  const columns: DerivedColumn[] = parts.flatMap(({ at, given }) =>
    [
      [given.columns, [...at, 'columns']] as const,
      [given.target?.columns, [...at, 'target', 'columns']] as const,
    ].flatMap(([named, place]) =>
      Object.entries(named ?? {}).map(([name, column]) => ({ name, ...column, at: [...place, name] })),
    ),
  );
  const reverse: ReversedColumn[] = parts.flatMap(({ at, given }) =>
    Object.entries(given.reverse).map(([name, from]) => ({ name, from, at: [...at, 'reverse', name] })),
  );
  const sameRow = parts.find(({ given }) => given.columns);
  if (target && sameRow) {
    problems.push(
      problemAt([...sameRow.at, 'columns'], 'a change makes new columns or a new table, not both; write two changes'),
    );
  }
  const constraints: ChangeConstraint[] = spec.constraints.map((constraint, i) => {
    const at: Place = ['spec', 'constraints', i];
    if ('check' in constraint) return { kind: 'check', name: constraint.name, check: constraint.check, at };
    const { references, ...key } = constraint.foreignKey;
    const read = table(references, [...at, 'foreignKey', 'references']);
    return { kind: 'foreignKey', name: constraint.name, ...key, references: read, at };
  });

  const change: Change = {
    name: written.metadata.name,
    database: spec.database,
    source: table(spec.table, ['spec', 'table']),
    key: spec.key ?? null,
    target,
    columns,
    reverse,
    indexes: spec.indexes,
    constraints,
    notNull: spec.notNull,
    drop: parts.flatMap(({ given }) => given.drop),
    capture: spec.source,
    backfill: spec.backfill,
    switch: spec.switch,
    gates: spec.gates,
    approvals: spec.approvals,
  };
  problems.push(...checkChange(change));
  return problems.length ? { ok: false, problems } : { ok: true, value: change };
}

interface Part {
  readonly at: Place;
  readonly given: Expansion;
}

/** What is written in the spec itself, then each preset. A place inside a preset is the preset. */
function partsOf({ spec }: SchemaChange): readonly Part[] {
  const own: Expansion = {
    ...(spec.columns ? { columns: spec.columns } : {}),
    ...(spec.target
      ? {
          target: {
            table: spec.target.table,
            key: spec.target.key,
            columns: spec.target.columns,
            ...(spec.target.where === undefined ? {} : { where: spec.target.where }),
          },
        }
      : {}),
    reverse: spec.reverse,
    drop: spec.drop,
  };
  return [
    { at: ['spec'], given: own },
    ...spec.presets.map((preset, i) => ({ at: ['spec', 'presets', i], given: expandPreset(preset) })),
  ];
}
