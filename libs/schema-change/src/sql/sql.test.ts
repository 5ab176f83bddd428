import { describe, expect, test } from 'vitest';
import {
  addColumns,
  addConstraint,
  addNotNullCheck,
  addProbeColumns,
  advance,
  applyIsolation,
  applySettings,
  attachIndex,
  backendPid,
  backfillKeys,
  backfillPages,
  claimWriter,
  constraintStates,
  countParked,
  controlExists,
  controlInUse,
  createControlSchema,
  createControlTable,
  createIndexConcurrently,
  createIndexOnParent,
  createOrigin,
  createParkedTable,
  createProbe,
  createProbeOf,
  createPublication,
  createTarget,
  definitionOf,
  deleteAllWithoutSource,
  deleteControl,
  deleteParked,
  differingAmong,
  differingKeys,
  dropConstraint,
  dropControlSchema,
  dropControlTable,
  dropIndex,
  dropIndexConcurrently,
  dropNewColumns,
  dropNotNull,
  dropOldColumns,
  dropOrigins,
  dropParkedTable,
  dropPublication,
  dropTarget,
  emitBarrier,
  explain,
  otherOrigins,
  park,
  readParked,
  hasPassed,
  releaseOrigin,
  resetWriter,
  unpark,
  useOrigin,
  fence,
  flipMoment,
  grantTarget,
  indexState,
  leftovers,
  lockControl,
  newColumns,
  nextKey,
  notYetVisible,
  nullResults,
  objectNames,
  openWriters,
  parityOfRange,
  planProblem,
  probeAssignable,
  probeImmutable,
  readControl,
  readGauges,
  rederive,
  sessionSettings,
  setLimits,
  setNotNull,
  setPublicationTables,
  writeSettings,
  restatedColumns,
  tableExtent,
  transactionsOlderThan,
  validateConstraint,
  overloadsOf,
  type Shape,
  type Statement,
} from '../index.js';
import { differs } from './compare.js';
import { wholeNumber } from './statement.js';

const ROW: Shape = {
  id: 'run-1',
  source: { schema: 'public', name: 'users' },
  target: { schema: 'public', name: 'users' },
  sameRow: true,
  where: null,
  key: [{ source: 'id', target: 'id', type: 'bigint', collation: null }],
  columns: [
    { name: 'first_name', type: 'text', expression: "split_part(name, ' ', 1)" },
    { name: 'rate', type: 'numeric(10,2)', expression: 'price' },
  ],
  reverse: [{ name: 'name', type: 'character varying(80)', expression: 'first_name' }],
};

const TABLE: Shape = {
  id: 'run-2',
  source: { schema: 'Odd', name: 'User"s' },
  target: { schema: 'public', name: 'profiles' },
  sameRow: false,
  where: 'bio is not null',
  key: [
    { source: 'tenant', target: 'tenant_id', type: 'text', collation: 'pg_catalog."C"' },
    { source: 'no', target: 'user_no', type: 'integer', collation: null },
  ],
  columns: [{ name: 'bio', type: 'text', expression: 'bio' }],
  reverse: [{ name: 'bio', type: 'text', expression: 'bio' }],
};

const ALL = { after: null, upTo: null };
const names = objectNames('users', 'run-1');
const table = ROW.source;
const index = { name: 'by_name', columns: ['first_name'], unique: true, method: 'btree' as const };
const claim = { change: 'run-1', writer: 'stream', epoch: '3' };

const STATEMENTS: Readonly<Record<string, Statement | readonly Statement[]>> = {
  addColumns: addColumns(ROW),
  createTarget: createTarget(TABLE),
  grantTarget: grantTarget(TABLE, { grantee: 'app', privileges: ['SELECT', 'UPDATE', 'MAINTAIN'] }),
  'grantTarget to everybody': grantTarget(TABLE, { grantee: 'PUBLIC', privileges: ['SELECT'] }),
  newColumns: newColumns(ROW),
  createPublication: createPublication('p', [table]),
  setPublicationTables: setPublicationTables('p', [table, TABLE.target]),
  dropPublication: dropPublication('p'),
  lockControl: lockControl(),
  createControlSchema: createControlSchema(),
  createControlTable: createControlTable(),
  claimWriter: claimWriter(claim),
  fence: fence(claim, ['backfill']),
  advance: advance(claim, { rows: 7, progress: null, lsn: '0/1' }),
  readControl: readControl('run-1'),
  resetWriter: resetWriter(claim),
  hasPassed: hasPassed(claim, '0/1'),
  deleteControl: deleteControl('run-1'),
  controlInUse: controlInUse(),
  controlExists: controlExists(),
  dropControlTable: dropControlTable(),
  dropControlSchema: dropControlSchema(),
  createParkedTable: createParkedTable(),
  park: park('run-1', { key: ['1'], code: '22P02', reason: 'no' }),
  unpark: unpark('run-1', [['1'], ['2']]),
  readParked: readParked('run-1', 5),
  countParked: countParked('run-1'),
  deleteParked: deleteParked('run-1'),
  dropParkedTable: dropParkedTable(),
  createOrigin: createOrigin('o'),
  useOrigin: useOrigin('o'),
  releaseOrigin: releaseOrigin(),
  dropOrigins: dropOrigins('o_'),
  otherOrigins: otherOrigins('o_'),
  'backfillPages in the row': backfillPages(ROW, { from: 10, to: 20 }),
  'backfillPages without waiting': backfillPages(ROW, { from: 10, to: 20 }, { skipLocked: true }),
  'backfillPages of a partition': backfillPages(
    ROW,
    { from: 0, to: 1 },
    { partition: { schema: 'public', name: 'users_1' } },
  ),
  'backfillPages that restates a column': backfillPages(ROW, { from: 0, to: 1 }, { restate: ['Ci"ty'] }),
  'backfillPages into a table': backfillPages(TABLE, { from: 10, to: 20 }),
  'backfillKeys in the row': backfillKeys(ROW, { after: ['5'], upTo: null }, { relation: 'consistent' }),
  'backfillKeys into a table': backfillKeys(TABLE, { after: ["a'b", '1'], upTo: ['c\\d', '2'] }),
  tableExtent: tableExtent(table),
  restatedColumns: restatedColumns(table),
  explain: explain({ text: 'select $1', values: [1] }),
  nextKey: nextKey(TABLE, { after: ['a', '1'], size: 1000 }),
  'rederive forward, derived': rederive(ROW, { direction: 'forward', relation: 'derived', keys: [['1'], ['2']] }),
  'rederive forward, filled': rederive(ROW, { direction: 'forward', relation: 'filled', keys: [['1']] }),
  'rederive reverse': rederive(ROW, { direction: 'reverse', relation: 'consistent', keys: [['1']] }),
  'rederive forward into a table': rederive(TABLE, {
    direction: 'forward',
    relation: 'consistent',
    keys: [['a', '1']],
  }),
  'rederive reverse from a table': rederive(TABLE, {
    direction: 'reverse',
    relation: 'consistent',
    keys: [['a', '1']],
  }),
  deleteAllWithoutSource: deleteAllWithoutSource(TABLE),
  'parityOfRange in the row': parityOfRange(ROW, 'consistent', { after: ['1'], upTo: ['9'] }),
  'parityOfRange of a table': parityOfRange(TABLE, 'consistent', ALL),
  'parityOfRange of a table that is filled': parityOfRange(TABLE, 'filled', ALL),
  differingKeys: differingKeys(ROW, 'derived', ALL, 10),
  'differingAmong in the row': differingAmong(ROW, 'derived', [['1'], ['2']]),
  'differingAmong of a table': differingAmong(TABLE, 'consistent', [['a', '1']]),
  nullResults: nullResults(ROW, 'rate', 5),
  addNotNullCheck: addNotNullCheck(table, 'first_name', 'c'),
  validateConstraint: validateConstraint(table, 'c'),
  setNotNull: setNotNull(table, 'first_name'),
  dropNotNull: dropNotNull(table, ['name', 'Other']),
  dropConstraint: dropConstraint(table, 'c'),
  'addConstraint, check': addConstraint(table, { kind: 'check', name: 'c', check: 'rate > 0', at: [] }),
  'addConstraint, foreign key': addConstraint(table, {
    kind: 'foreignKey',
    name: 'f',
    columns: ['rate'],
    references: TABLE.source,
    referencedColumns: ['no'],
    onDelete: 'cascade',
    onUpdate: 'set null',
    at: [],
  }),
  constraintStates: constraintStates(table, ['c']),
  createIndexConcurrently: createIndexConcurrently(table, index),
  createIndexOnParent: createIndexOnParent(table, index),
  attachIndex: attachIndex(table, 'by_name', { schema: 'public', name: 'p1_by_name' }),
  indexState: indexState(table, 'by_name'),
  dropIndex: dropIndex(table, 'by_name'),
  dropIndexConcurrently: dropIndexConcurrently(table, 'by_name'),
  dropOldColumns: dropOldColumns(ROW, ['name']),
  dropNewColumns: dropNewColumns(ROW),
  dropTarget: dropTarget(TABLE),
  leftovers: leftovers(ROW, { names, goneColumns: ['name'], goneTarget: false, goneIndexes: [], goneConstraints: [] }),
  flipMoment: flipMoment(),
  transactionsOlderThan: transactionsOlderThan('2026-01-01'),
  openWriters: openWriters([table], '2026-01-01'),
  notYetVisible: notYetVisible(['7']),
  emitBarrier: emitBarrier('p', 'one'),
  readGauges: readGauges(table, 'slot'),
  sessionSettings: sessionSettings(TABLE),
  setLimits: setLimits({ lockTimeoutMs: 100, statementTimeoutMs: 0 }),
  applySettings: applySettings(),
  'writeSettings in one row': writeSettings(ROW, { lockTimeoutMs: 100, statementTimeoutMs: 0 }),
  'writeSettings for another table': writeSettings(TABLE, { lockTimeoutMs: 100, statementTimeoutMs: 0 }),
  backendPid: backendPid(),
  definitionOf: definitionOf([table]),
  overloadsOf: overloadsOf([{ kind: 'function', schema: null, name: 'lower', args: 1, columns: null }]),
  createProbe: createProbe(table),
  createProbeOf: createProbeOf(ROW.columns),
  addProbeColumns: addProbeColumns(ROW.columns),
  probeImmutable: probeImmutable('lower(name)', 'text'),
  probeAssignable: probeAssignable('lower(name)', 'first_name'),
};

test.each(Object.entries(STATEMENTS))('%s is written as it was reviewed', (_, statements) => {
  expect(statements).toMatchSnapshot();
});

test('every parameter of a statement has a value, and the other way round', () => {
  for (const [name, given] of Object.entries(STATEMENTS)) {
    for (const { text, values } of [given].flat()) {
      const used = new Set([...text.matchAll(/\$(\d+)/g)].map(([, n]) => Number(n)));
      expect(
        [...used].toSorted((a, b) => a - b),
        name,
      ).toEqual(values.map((_, i) => i + 1));
    }
  }
});

describe('what a range or batch may hold', () => {
  test('only whole numbers stand in SQL text', () => {
    expect(() => backfillPages(ROW, { from: 0.5, to: 1 })).toThrow('page must be a whole number, got 0.5');
    expect(() => wholeNumber(Number.NaN, 'limit')).toThrow('limit');
  });

  test('a key has a value for each column', () => {
    expect(() => rederive(TABLE, { direction: 'forward', relation: 'derived', keys: [['a']] })).toThrow(
      'too few values',
    );
    expect(() => nullResults(ROW, 'nope', 1)).toThrow('"nope" is not a new column');
  });

  test('a change without a way back has nothing to do in reverse', () => {
    expect(rederive({ ...ROW, reverse: [] }, { direction: 'reverse', relation: 'consistent', keys: [['1']] })).toEqual(
      [],
    );
  });

  test('one row is read committed, two tables are repeatable read', () => {
    expect([applyIsolation(ROW), applyIsolation(TABLE)]).toEqual(['read committed', 'repeatable read']);
  });
});

test('types are compared by what they store', () => {
  for (const type of ['text', 'varchar(20)', 'character varying(80)'])
    expect(differs('a', 'b', type)).toContain('collate "C"');
  for (const type of [
    'bigint',
    'INT',
    'timestamp(3) with time zone',
    'timestamptz',
    'uuid',
    'bytea',
    'time without time zone',
  ]) {
    expect(differs('a', 'b', type)).toBe('a is distinct from b');
  }
  for (const type of ['numeric', 'jsonb', 'json', 'text[]', 'interval', 'character(3)', 'citext', 'my.type']) {
    expect(differs('a', 'b', type)).toBe('not record_image_eq(row(a), row(b))');
  }
});

test('a plan that reads the whole table, or that does not read by the range, is named', () => {
  const plan = (type: string): unknown => [
    { Plan: { 'Node Type': 'ModifyTable', Plans: [{ 'Node Type': type, 'Relation Name': 'users' }] } },
  ];
  expect(planProblem(plan('Tid Range Scan'), 'pages')).toBeNull();
  expect(planProblem(plan('Index Scan'), 'keys')).toBeNull();
  expect(planProblem(plan('Seq Scan'), 'pages')).toBe('the chunk would read the whole of users: Seq Scan');
  expect(planProblem(plan('Index Scan'), 'pages')).toBe('the chunk has no Tid Range Scan, but ModifyTable, Index Scan');
  expect(planProblem(null, 'keys')).toBe('the chunk has no index scan, but no plan');
});
